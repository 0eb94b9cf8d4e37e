"""Covariances of keypoints: known matrices, loops, MMPose's own warp."""

import numpy as np
import pytest
import torch
from mmpose.structures.bbox import get_warp_matrix

from mmpose_ext.functional import (
    cell_sides,
    map_covariances,
    mixture_covariances,
    scale_covariances,
    second_moments,
    spatial_softmax,
    transform_covariances,
    uniform_covariances,
)


def rotated(first, second, angle):
    """A covariance with two variances on axes that are turned by an angle in degrees."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return axes @ np.diag([first, second]) @ axes.T


def gaussian(size, points, covariances, height=0.7):
    """Maps (N, H, W) or volumes of Gaussians, cell by cell."""
    grids = np.meshgrid(*[np.arange(side) for side in reversed(size)], indexing='ij')
    cells = np.stack(grids[::-1], -1).astype(float)  # x first
    maps = []
    for point, covariance in zip(points, covariances, strict=True):
        error = cells - point
        maps.append(height * np.exp(-0.5 * np.einsum('...i,ij,...j', error, np.linalg.inv(covariance), error)))
    return torch.from_numpy(np.array(maps)).float()


KNOWN = [rotated(4, 4, 0), rotated(9, 2.5, 0), rotated(9, 2.5, 30), rotated(3, 7, -65)]


@pytest.mark.parametrize('kernel', [None, 3, 5, 11])
def test_a_gaussian_map_gives_its_own_covariance(kernel):
    maps = gaussian((48, 64), [(20.3, 30.8), (25, 25), (22.5, 40.1), (30.9, 12.2)], KNOWN)
    found = map_covariances(maps[None], kernel)[0]
    # the kernels of OpenCV are cut off, and so no exact Gaussians
    np.testing.assert_allclose(
        found, np.array(KNOWN), rtol=0 if kernel is None else 0.03, atol=1e-3 if kernel is None else 0.03
    )


def test_a_gaussian_at_the_border_gives_its_own_covariance():
    points = [(0.2, 20), (47, 0), (46.8, 63), (20, 1)]
    found = map_covariances(gaussian((48, 64), points, KNOWN)[None])[0]
    np.testing.assert_allclose(found, np.array(KNOWN), atol=1e-3)


def test_a_gaussian_volume_gives_its_own_covariance():
    factor = np.random.default_rng(0).normal(size=(3, 3))
    known = [2 * np.eye(3), np.diag([2.0, 3.0, 5.0]), factor @ factor.T + 2 * np.eye(3)]
    volumes = gaussian((24, 20, 16), [(12, 10, 8), (11.3, 9.6, 7.2), (10, 8.4, 7.7)], known)
    np.testing.assert_allclose(map_covariances(volumes[None])[0], np.array(known), atol=2e-3)


def test_factor_and_type_of_a_map_do_not_matter():
    maps = gaussian((32, 32), [(15, 16)], [rotated(5, 2, 20)])[None]
    expected = map_covariances(maps, 3)
    torch.testing.assert_close(map_covariances(maps * 37, 3), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(map_covariances(maps.half(), 3), expected, atol=0.05, rtol=0.02)


def is_positive_definite(covariances):
    return (torch.linalg.eigvalsh(covariances.double()) > 0).all()


@pytest.mark.parametrize('shape', [(3, 5, 32, 24), (2, 3, 4, 4), (2, 3, 8, 9, 10), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize('kernel', [None, 11])
def test_hostile_maps_give_finite_positive_definite_covariances(shape, kernel):
    torch.manual_seed(0)
    noise = torch.randn(shape)
    zeros, infinite, negative = torch.zeros(shape), noise.clone(), -noise.abs() - 1
    infinite[..., 0, 0] = float('inf')
    unknown = torch.full(shape, float('nan'))
    ridge = zeros.clone()
    ridge[..., 1] = 1.0  # a line: no curvature along it
    saddle = torch.zeros(shape)
    saddle[..., ::2, ::2] = 1.0
    uniform = uniform_covariances(shape[:1:-1], noise)
    for maps in (noise, noise * 1e20, noise * 1e-20, ridge, saddle):
        found = map_covariances(maps, kernel)
        assert found.isfinite().all()
        assert is_positive_definite(found)
    for maps in (zeros, zeros + 3, infinite, negative, unknown):
        torch.testing.assert_close(map_covariances(maps, kernel), uniform.expand(found.shape))


def test_a_map_without_curvature_gives_its_second_moments():
    maps = torch.eye(20)[None, None].clamp(min=0.5)  # along the diagonal, where the highest cell is the first
    expected = second_moments(maps, torch.zeros(1, 1, 2))
    torch.testing.assert_close(map_covariances(maps), expected)


@pytest.mark.parametrize('shape', [(2, 3, 6, 7), (2, 3, 4, 5, 6)])
def test_second_moments_are_those_of_a_loop(shape):
    rng = np.random.default_rng(1)
    weights = rng.random(shape)
    dim = len(shape) - 2
    points = rng.random((*shape[:2], dim)) * 5
    found = second_moments(torch.from_numpy(weights), torch.from_numpy(points))
    for b, k in np.ndindex(*shape[:2]):
        expected = np.zeros((dim, dim))
        for cell in np.ndindex(*shape[2:]):
            error = np.array(cell[::-1]) - points[b, k]
            expected += weights[b, k][cell] * np.outer(error, error)
        expected = expected / weights[b, k].sum() + np.eye(dim) / 12
        np.testing.assert_allclose(found[b, k], expected, rtol=1e-10)


def test_second_moments_are_the_curvature_of_the_partition_sum():
    """Autograd: the second derivative of log sum exp(z + t x) by t is the covariance of x."""
    logits = torch.randn(1, 1, 9, 7, dtype=torch.float64)
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing='ij')

    def log_sum(t):
        return (logits[0, 0] + t[0] * x + t[1] * y).flatten().logsumexp(0)

    start = torch.zeros(2, dtype=torch.float64)
    mean = torch.func.grad(log_sum)(start)
    expected = torch.func.hessian(log_sum)(start) + torch.eye(2) / 12
    found = second_moments(spatial_softmax(logits), mean[None, None])
    torch.testing.assert_close(found[0, 0], expected)


def test_transform_is_that_of_samples_of_a_rotated_crop():
    """An affine map with rotation, scale and translation, as MMPose makes it."""
    matrix = get_warp_matrix(np.array([80.0, 60.0]), np.array([120.0, 160.0]), 35.0, (192, 256))
    known = rotated(9, 2, 20)
    points = np.random.default_rng(0).multivariate_normal((70, 50), known, 40_000)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    found = transform_covariances(torch.from_numpy(known), torch.from_numpy(np.asarray(matrix, np.float64)))
    np.testing.assert_allclose(found, np.cov(moved.T), rtol=0.05, atol=0.2)
    exact = matrix[:, :2] @ known @ matrix[:, :2].T
    np.testing.assert_allclose(found, exact)
    with pytest.raises(ValueError, match='matrix'):
        transform_covariances(torch.eye(2), torch.eye(3))


def test_scale_is_a_transform():
    known = torch.from_numpy(np.cov(np.random.default_rng(0).normal(size=(3, 9))))
    factors = (2.0, -0.5, 7.0)
    expected = transform_covariances(known, torch.diag(torch.tensor(factors, dtype=torch.float64)))
    torch.testing.assert_close(scale_covariances(known, factors), expected)
    assert cell_sides((96, 128), (24, 16)) == (4.0, 8.0)
    with pytest.raises(ValueError, match='covariances'):
        scale_covariances(known, (1, 2))


def test_a_mixture_is_that_of_its_samples():
    rng = np.random.default_rng(3)
    means, parts = np.array([[1.0, 2.0], [4.0, -1.0]]), [rotated(3, 1, 10), rotated(5, 2, 70)]
    samples = np.concatenate([rng.multivariate_normal(*part, 100_000) for part in zip(means, parts, strict=True)])
    found = mixture_covariances(*(torch.from_numpy(part) for part in (*parts, *means)))
    np.testing.assert_allclose(found, np.cov(samples.T), rtol=0.02, atol=0.05)


def test_a_program_can_be_exported():
    class Program(torch.nn.Module):
        def forward(self, maps):
            return map_covariances(maps, 5)

    maps = torch.rand(3, 2, 16, 12)
    batch = torch.export.Dim('batch', min=1, max=64)
    program = torch.export.export(Program(), (maps,), dynamic_shapes=({0: batch},))
    other = torch.rand(5, 2, 16, 12)
    torch.testing.assert_close(program.module()(other), map_covariances(other, 5))
