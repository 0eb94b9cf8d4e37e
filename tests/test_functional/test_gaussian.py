import numpy as np
import pytest
import torch
from helpers import gaussian_targets_loop
from mmpose.codecs import MSRAHeatmap

from mmpose_ext.functional import gaussian_targets, gaussian_vectors, render_gaussians

SIZE = (11, 15)


def centers_in_and_around(count, size, sigma, seed=0):
    """Centers (N, 2) inside the map, outside it and on the edges of the 3-sigma rule."""
    rng = np.random.default_rng(seed)
    reach = 3 * sigma + 3
    centers = rng.uniform(-reach, np.array(size) + reach, (count, 2))
    radius = 3 * sigma
    edges = [
        edge + step
        for edge in (-radius - 2, -radius - 1, -radius, 0.0, size[0] + radius - 0.5)
        for step in (-0.51, -0.01, 0.01, 0.49)
    ]
    centers[: len(edges), 0] = edges
    return centers


@pytest.mark.parametrize('unbiased', [True, False])
@pytest.mark.parametrize('sigma', [0.7, 1.0, 1.5, 2.0, 3.0])
def test_targets_equal_the_loop(sigma, unbiased):
    centers = centers_in_and_around(60, SIZE, sigma)
    visible = (np.random.default_rng(1).random(60) < 0.9).astype(np.float64)
    expected_maps, expected_weights = gaussian_targets_loop(centers, visible, SIZE, sigma, unbiased)
    assert 0 < (expected_weights == 0).sum() < 40, 'the loop must see both kinds of joints'
    maps, weights = gaussian_targets(centers, visible, SIZE, sigma, unbiased)
    np.testing.assert_allclose(maps, expected_maps, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(weights, expected_weights)


@pytest.mark.parametrize('unbiased', [True, False])
def test_numpy_equals_torch(unbiased):
    centers = centers_in_and_around(80, (48, 64), 2.0).astype(np.float32)
    centers[5] = np.nan
    visible = (np.random.default_rng(1).random(80) < 0.8).astype(np.float32)
    maps, weights = gaussian_targets(centers, visible, (48, 64), 2.0, unbiased)
    torch_maps, torch_weights = gaussian_targets(
        torch.from_numpy(centers), torch.from_numpy(visible), (48, 64), 2.0, unbiased
    )
    assert maps.dtype == np.float32
    assert torch_maps.dtype == torch.float32
    np.testing.assert_allclose(torch_maps, maps, atol=1e-6)
    np.testing.assert_array_equal(torch_weights, weights)


@pytest.mark.parametrize('unbiased', [True, False])
@pytest.mark.parametrize('sigma', [1.5, 2.0])
def test_numpy_computes_the_formula_in_float32(sigma, unbiased):
    """To the last bit: what is left out for speed is no arithmetic."""
    width, height = size = (24, 32)
    centers = centers_in_and_around(80, size, sigma).astype(np.float32)
    maps, weights = gaussian_targets(centers, np.ones(80, np.float32), size, sigma, unbiased)
    assert 20 < weights.sum() < 80

    def vector(center, cells):
        square = (np.arange(cells, dtype=np.float32) - center) ** 2
        exponent = square * np.float32(-0.5 / sigma**2)
        inside = exponent >= np.float32(-41.4) if unbiased else square <= np.float32(9 * sigma**2)
        return np.where(inside, np.exp(exponent), np.float32(0))

    for center, drawn, found in zip(centers, weights, maps, strict=True):
        x, y = center if unbiased else np.trunc(center + np.float32(0.5))
        expected = np.outer(vector(y, height), vector(x, width)) * drawn
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('kind', [np.float16, np.float32, np.float64])
def test_numpy_keeps_the_type_of_the_centers(kind):
    """Whatever the type of sigma is, which may come of an array."""
    for sigma in (2, 2.0, np.float64(2), np.float32(2)):
        maps, weights = gaussian_targets(np.ones((1, 2), kind), np.ones(1, np.int64), SIZE, sigma)
        assert (maps.dtype, weights.dtype) == (kind, np.int64)


@pytest.mark.parametrize(
    ('dtype', 'tolerance'),
    [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 0.05), (torch.float16, 5e-3)],
)
@pytest.mark.parametrize('unbiased', [True, False])
def test_dtype_is_kept(dtype, tolerance, unbiased):
    # the loop gets the rounded centers: what is measured is the drawing
    centers = torch.from_numpy(centers_in_and_around(40, SIZE, 2.0)).to(dtype)
    visible = torch.ones(40, dtype=dtype)
    maps, weights = gaussian_targets(centers, visible, SIZE, 2.0, unbiased)
    assert maps.dtype == weights.dtype == dtype
    drawn = weights > 0
    expected, _ = gaussian_targets_loop(centers.double().numpy(), np.ones(40), SIZE, 2.0, unbiased)
    np.testing.assert_allclose(maps[drawn].double(), expected[drawn.numpy()], atol=tolerance)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('axis', [0, 1])
@pytest.mark.parametrize('unbiased', [True, False])
@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_unknown_position_draws_nothing_and_weighs_nothing(bad, axis, unbiased, kind):
    centers = np.full((2, 3, 2), 5.0, np.float32)
    centers[0, 1, axis] = bad
    visible = np.ones((2, 3), np.float32)
    if kind == 'torch':
        centers, visible = torch.from_numpy(centers), torch.from_numpy(visible)
    maps, weights = (np.asarray(part) for part in gaussian_targets(centers, visible, SIZE, 1.0, unbiased))
    assert np.isfinite(maps).all()
    assert weights.tolist() == [[1, 0, 1], [1, 1, 1]]
    assert not maps[0, 1].any()
    assert (maps.reshape(6, -1).max(1) == 1).sum() == 5


@pytest.mark.parametrize('as_array', [np.array, torch.tensor])
def test_a_flag_says_whether_a_joint_is_labeled_and_is_no_weight(as_array):
    visible = as_array([0.0, 0.3, 0.5, 1.0, 2.0, np.nan, np.inf, -np.inf, -1.0])
    labeled = [0, 1, 1, 1, 1, 0, 0, 0, 0]
    maps, weights = gaussian_targets(as_array([[5.0, 5.0]] * 9), visible, SIZE, 1.0)
    assert weights.dtype == visible.dtype
    assert weights.tolist() == labeled
    assert np.asarray(maps).reshape(9, -1).max(1).tolist() == labeled


@pytest.mark.parametrize('case', ['a', 'b', 'c'])
def test_equal_to_the_released_generator(reference, case):
    arrays = reference('dark_encode')
    expected = arrays[f'{case}_heatmaps']
    size = expected.shape[:0:-1]
    maps, weights = gaussian_targets(
        arrays[f'{case}_keypoints_hm'], arrays[f'{case}_visible'], size, float(arrays[f'{case}_sigma'])
    )
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    np.testing.assert_array_equal(weights, arrays[f'{case}_weights'])


@pytest.mark.parametrize(('unbiased', 'sigma'), [(True, 2.0), (True, 1.5), (True, 1.0), (False, 2.0), (False, 1.0)])
def test_equal_to_mmpose_where_that_follows_the_released_program(unbiased, sigma):
    size, radius = (24, 32), 3 * sigma
    centers = centers_in_and_around(300, size, sigma)
    # MMPose's unbiased encoder leaves out int() and with it the joints of one more cell beyond the left and upper edge
    low = centers.min(1)
    centers = centers[~((low > -radius - 2) & (low < -radius - 1))] if unbiased else centers
    visible = (np.random.default_rng(1).random(len(centers)) < 0.9).astype(np.float32)
    theirs = MSRAHeatmap(size, size, sigma=sigma, unbiased=unbiased).encode(centers[None], visible[None])
    maps, weights = gaussian_targets(centers, visible, size, sigma, unbiased)
    np.testing.assert_array_equal(weights, theirs['keypoint_weights'][0])
    np.testing.assert_allclose(maps, theirs['heatmaps'], atol=1e-6)


def test_mmpose_differs_where_the_docstring_says_so():
    # one cell more beyond the left edge passes in the official implementation
    point, one = np.array([[-7.5, 10.0]]), np.ones(1)
    theirs = MSRAHeatmap((24, 32), (24, 32), sigma=2.0, unbiased=True).encode(point[None], one[None])
    assert theirs['keypoint_weights'] == 0
    assert gaussian_targets(point, one, (24, 32), 2.0)[1] == 1
    # where 3 sigma is not a whole number its biased Gaussian may peak beside the rounded position
    point = np.array([[10.0, 10.0]])
    theirs = MSRAHeatmap((24, 32), (24, 32), sigma=1.1).encode(point[None], one[None])['heatmaps'][0]
    ours = gaussian_targets(point, one, (24, 32), 1.1, unbiased=False)[0][0]
    assert np.unravel_index(ours.argmax(), ours.shape) == (10, 10)
    assert np.unravel_index(theirs.argmax(), theirs.shape) != (10, 10)


def test_biased_gaussian_ends_three_sigma_from_a_whole_cell():
    maps, _ = gaussian_targets(np.array([[10.4, 9.6]]), np.ones(1), (24, 32), 2.0, unbiased=False)
    rows, columns = maps[0].nonzero()
    assert maps[0, 10, 10] == 1
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 16, 4, 16)


def test_vectors_hold_no_subnormal_numbers():
    maps = render_gaussians(torch.tensor([[0.0, 0.0]]), (400, 300), 2.0)
    positive = maps[maps > 0]
    assert positive.min() >= torch.finfo(torch.float32).tiny
    assert gaussian_vectors(torch.tensor([3.0]), 9, 2.0).argmax() == 3


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
def test_unknown_or_infinite_centre_gives_zeros(kind):
    centers = np.array([[np.nan, 5.0], [5.0, np.nan], [np.inf, 5.0], [5.0, -np.inf], [5.0, 5.0]], np.float32)
    for radius in (None, 6.0):
        maps = render_gaussians(torch.from_numpy(centers) if kind == 'torch' else centers, SIZE, 2.0, radius)
        assert not maps[:4].any()
        assert maps[4].max() == 1


def test_leading_dimensions_and_gradients():
    centers = torch.tensor([[[3.3, 4.1], [7.9, 9.2]]], dtype=torch.float64, requires_grad=True)
    assert render_gaussians(centers, SIZE, 2.0).shape == (1, 2, 15, 11)
    assert torch.autograd.gradcheck(lambda points: render_gaussians(points, SIZE, 2.0), centers)


def test_inputs_are_left_alone():
    centers, visible = np.array([[3.3, 4.1], [np.nan, 1.0]]), np.ones(2)
    kept = centers.copy(), visible.copy()
    gaussian_targets(centers, visible, SIZE, 2.0, unbiased=False)
    np.testing.assert_array_equal(centers, kept[0])
    np.testing.assert_array_equal(visible, kept[1])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(centers=np.zeros((2, 3, 3))), r"'centers' must have shape \(\.\.\., K, 2\), got shape \(2, 3, 3\)"),
        (dict(visible=np.ones((3, 2))), r"'visible' must have shape \(2, 3\), .* got \(3, 2\)"),
        (dict(size=(0, 8)), r"'size' must be \(width, height\), two whole numbers > 0, got \(0, 8\)"),
        (dict(sigma=0.0), r"'sigma' must be a finite number > 0, got 0\.0"),
        (dict(sigma=float('nan')), r"'sigma' must be a finite number > 0, got nan"),
    ],
)
def test_bad_arguments(change, message):
    arguments = dict(centers=np.zeros((2, 3, 2)), visible=np.ones((2, 3)), size=SIZE, sigma=2.0)
    with pytest.raises(ValueError, match=message):
        gaussian_targets(**arguments | change)
