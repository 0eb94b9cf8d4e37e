"""Distances of a student's maps from its teacher's, and maps of another size."""

import math

import pytest
import torch

from mmpose_ext.functional import (
    heatmap_square_error,
    normalized_cross_entropy,
    render_gaussians,
    resample,
    weighted_reduce,
)


def maps_of(seed, *shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------------------------------------
# distances


def test_the_released_losses(reference):
    """Half of ours, labels and teacher alike, mixed by alpha."""
    arrays = {name: torch.from_numpy(value) for name, value in reference('fpd_loss').items()}
    parts = {
        name: weighted_reduce(heatmap_square_error(arrays['student'], arrays[other]), arrays['weight'], 'all') / 2
        for name, other in dict(loss_pd='teacher', loss_gt='target').items()
    }
    for name, value in parts.items():
        torch.testing.assert_close(value, arrays[name].to(value.dtype), rtol=1e-5, atol=0)
    mixed = arrays['alpha'] * parts['loss_pd'] + (1 - arrays['alpha']) * parts['loss_gt']
    torch.testing.assert_close(mixed.float(), arrays['loss'].float(), rtol=1e-5, atol=0)


def test_square_error_cell_by_cell():
    maps, targets = maps_of(0, 2, 3, 4, 5), maps_of(1, 2, 3, 4, 5)
    found = heatmap_square_error(maps, targets)
    for b in range(2):
        for k in range(3):
            total = 0.0
            for row in range(4):
                for column in range(5):
                    total += (maps[b, k, row, column].item() - targets[b, k, row, column].item()) ** 2
            assert found[b, k].item() == pytest.approx(total / 20)


def test_cross_entropy_cell_by_cell():
    maps, targets = maps_of(0, 2, 3, 4, 5), maps_of(1, 2, 3, 4, 5) - 0.2  # some targets are below zero
    found = normalized_cross_entropy(maps, targets)
    for b in range(2):
        for k in range(3):
            p = [max(value, 0) for value in targets[b, k].flatten().tolist()]
            q = [max(value, 1e-4) for value in maps[b, k].flatten().tolist()]
            expected = -sum(x / sum(p) * math.log(y / sum(q)) for x, y in zip(p, q, strict=True))
            assert found[b, k].item() == pytest.approx(expected)


def test_cross_entropy_is_least_at_the_teachers_map_whatever_its_height():
    targets = maps_of(1, 1, 1, 4, 5) + 0.1
    least = normalized_cross_entropy(3 * targets, targets)
    torch.testing.assert_close(least, normalized_cross_entropy(targets, targets))
    for seed in range(5):
        assert normalized_cross_entropy(targets + 0.1 * maps_of(seed, 1, 1, 4, 5), targets) > least


@pytest.mark.parametrize('function', [heatmap_square_error, normalized_cross_entropy])
def test_gradients(function):
    maps, targets = maps_of(0, 1, 2, 3, 4) + 0.1, maps_of(1, 1, 2, 3, 4)
    assert torch.autograd.gradcheck(lambda x: function(x, targets), maps.requires_grad_())


def test_a_peak_below_zero_comes_back_and_background_does_not_sink():
    targets = render_gaussians(torch.tensor([[[3.0, 2.0]]]), (8, 6), 1.0)
    maps = torch.full((1, 1, 6, 8), 0.05)
    maps[..., 2, 3] = -0.5
    maps[..., 5, 7] = -0.5
    maps.requires_grad_()
    normalized_cross_entropy(maps, targets).sum().backward()
    assert maps.grad[0, 0, 2, 3] < 0  # descending raises it
    assert maps.grad[0, 0, 5, 7] <= 0
    assert maps.grad[0, 0, 0, 7] > 0  # a cell above zero where the teacher has nothing


@pytest.mark.parametrize('value', [0.0, -1.0])
def test_a_teacher_without_a_peak_teaches_nothing(value):
    maps = maps_of(0, 1, 1, 3, 4).requires_grad_()
    loss = normalized_cross_entropy(maps, torch.full((1, 1, 3, 4), value, dtype=torch.float64))
    assert loss.item() == 0
    loss.sum().backward()
    assert (maps.grad == 0).all()


@pytest.mark.parametrize('function', [heatmap_square_error, normalized_cross_entropy])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(function, dtype):
    maps, targets = maps_of(0, 2, 3, 4, 5).to(dtype), maps_of(1, 2, 3, 4, 5).float()
    torch.testing.assert_close(function(maps, targets), function(maps.float(), targets))


@pytest.mark.parametrize('function', [heatmap_square_error, normalized_cross_entropy])
def test_shapes_that_differ(function):
    with pytest.raises(ValueError, match=r"'targets' must have shape \(B, K, H, W\) with .*H=4, W=5, got .*5, 4\)"):
        function(torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 5, 4))


# ---------------------------------------------------------------------------------------------
# maps of another size


@pytest.mark.parametrize('new', [(7, 9), (12, 5), (3, 2), (6, 4), (24, 16)])
def test_resample_cell_by_cell(new):
    maps = maps_of(0, 1, 1, 8, 12)
    found = resample(maps, new)[0, 0]
    assert found.shape == (new[1], new[0])
    for row in range(new[1]):
        for column in range(new[0]):
            y, x = min(row * 8 / new[1], 7), min(column * 12 / new[0], 11)
            top, left = int(y), int(x)
            below, right = min(top + 1, 7), min(left + 1, 11)
            m, dy, dx = maps[0, 0], y - top, x - left
            upper = m[top, left] * (1 - dx) + m[top, right] * dx
            lower = m[below, left] * (1 - dx) + m[below, right] * dx
            assert found[row, column].item() == pytest.approx((upper * (1 - dy) + lower * dy).item())


@pytest.mark.parametrize(('old', 'new'), [((24, 32), (12, 16)), ((12, 16), (24, 32)), ((24, 32), (18, 24))])
def test_a_joint_stays_in_its_place(old, new):
    """Its input pixel is kept, so x / W is; torch's interpolate would move it by a quarter of a cell and more."""
    center = torch.tensor([[[0.5, 0.625]]])
    found = resample(render_gaussians(center * torch.tensor(old), old, 2.0 * old[0] / 24), new)[0, 0]
    y, x = torch.meshgrid(torch.arange(new[1]), torch.arange(new[0]), indexing='ij')
    centroid = torch.stack(((found * x).sum(), (found * y).sum())) / found.sum()
    torch.testing.assert_close(centroid, center[0, 0] * torch.tensor(new), atol=0.05, rtol=0)


def test_the_same_size_costs_nothing():
    maps = torch.rand(1, 2, 4, 6, dtype=torch.float16)
    assert resample(maps, (6, 4)) is maps


def test_antialias_keeps_the_mean_of_stripes():
    stripes = torch.zeros(1, 1, 16, 16)
    stripes[..., ::2] = 1
    assert (resample(stripes, (8, 8)) == 1).all()
    torch.testing.assert_close(resample(stripes, (8, 8), antialias=True)[..., 1:], torch.full((1, 1, 8, 7), 0.5))


@pytest.mark.parametrize('antialias', [False, True])
def test_a_constant_stays_constant(antialias):
    torch.testing.assert_close(resample(torch.ones(1, 2, 7, 9), (4, 13), antialias), torch.ones(1, 2, 13, 4))


def test_resample_under_autocast():
    maps = torch.rand(1, 2, 8, 12)
    expected = resample(maps, (7, 9))
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(resample(maps, (7, 9)), expected, rtol=0, atol=0)
