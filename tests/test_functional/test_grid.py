import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap

from mmpose_ext.functional import (
    depth_to_normalized,
    heatmap_to_input,
    heatmap_to_normalized,
    input_to_heatmap,
    input_to_normalized,
    normalized_to_depth,
    normalized_to_heatmap,
    normalized_to_input,
)

INPUT, HEATMAP = (192, 256), (48, 32)  # different strides on x and y
# there, back, and the sizes that both take
PAIRS = [
    (input_to_heatmap, heatmap_to_input, (INPUT, HEATMAP)),
    (input_to_normalized, normalized_to_input, (INPUT,)),
    (heatmap_to_normalized, normalized_to_heatmap, (HEATMAP,)),
]


@pytest.mark.parametrize('kind', ['numpy', 'torch'])
@pytest.mark.parametrize('axes', [2, 3])
@pytest.mark.parametrize(('there', 'back', 'sizes'), PAIRS)
def test_there_and_back(kind, axes, there, back, sizes):
    points = np.random.default_rng(0).normal(50, 80, (4, 7, axes))
    points = torch.from_numpy(points) if kind == 'torch' else points
    moved = there(points, *sizes)
    assert type(moved) is type(points)
    assert moved.dtype == points.dtype
    np.testing.assert_allclose(back(moved, *sizes), points, atol=1e-12)
    np.testing.assert_allclose(there(back(points, *sizes), *sizes), points, atol=1e-12)
    assert abs(moved - points)[..., :2].min() > 0, 'x and y must be converted'
    assert axes == 2 or (moved[..., 2] == points[..., 2]).all(), 'depth must not be'


@pytest.mark.parametrize('as_array', [np.array, torch.tensor])
def test_cell_i_sits_at_pixel_i_times_stride(as_array):
    cells = as_array([[0.0, 0.0], [1.0, 1.0], [12.0, 10.0]])
    expected = [[0, 0], [4, 8], [48, 80]]
    np.testing.assert_allclose(heatmap_to_input(cells, INPUT, HEATMAP), expected)
    unit = [[0, 0], [4 / 192, 8 / 256], [0.25, 80 / 256]]
    np.testing.assert_allclose(input_to_normalized(as_array(expected), INPUT), unit)
    np.testing.assert_allclose(heatmap_to_normalized(cells, HEATMAP), unit)


def test_the_ways_round_agree():
    points = np.random.default_rng(0).uniform(-10, 300, (5, 2))
    cells, unit = input_to_heatmap(points, INPUT, HEATMAP), input_to_normalized(points, INPUT)
    np.testing.assert_allclose(normalized_to_heatmap(unit, HEATMAP), cells)
    np.testing.assert_allclose(heatmap_to_normalized(cells, HEATMAP), unit)


def test_convention_is_that_of_mmpose():
    points = np.random.default_rng(0).uniform(0, 190, (1, 17, 2)).astype(np.float32)
    scale = MSRAHeatmap(INPUT, HEATMAP, sigma=2).scale_factor
    np.testing.assert_allclose(input_to_heatmap(points, INPUT, HEATMAP), points / scale, rtol=1e-6)


@pytest.mark.parametrize('convert', [input_to_heatmap, heatmap_to_input])
def test_whole_numbers_are_not_truncated(convert):
    points = np.array([[3, 5], [7, 9]])
    result = convert(points, INPUT, HEATMAP)
    np.testing.assert_allclose(result, convert(points.astype(float), INPUT, HEATMAP))
    np.testing.assert_allclose(convert(torch.from_numpy(points), INPUT, HEATMAP), result)


def test_input_is_left_alone_and_gradients_pass():
    points = torch.tensor([[8.0, 16.0, 3.0]], requires_grad=True)
    input_to_heatmap(points, INPUT, HEATMAP).sum().backward()
    assert points.tolist() == [[8.0, 16.0, 3.0]]
    assert points.grad.tolist() == [[0.25, 0.125, 1.0]]


# ---------------------------------------------------------------------------------------------
# depth


@pytest.mark.parametrize('as_array', [np.array, torch.tensor])
def test_volumes_have_a_third_axis(as_array):
    cells = as_array([[12.0, 8.0, 4.0]])
    np.testing.assert_allclose(heatmap_to_normalized(cells, (*HEATMAP, 16)), [[0.25, 0.25, 0.25]])
    np.testing.assert_allclose(
        normalized_to_heatmap(heatmap_to_normalized(cells, (*HEATMAP, 16)), (*HEATMAP, 16)), cells
    )


@pytest.mark.parametrize('as_array', [np.array, torch.tensor])
def test_the_root_is_in_the_middle_of_the_box(as_array):
    depth = as_array([-1000.0, 0.0, 250.0, 1000.0])
    labels = depth_to_normalized(depth, 2000.0)
    np.testing.assert_allclose(labels, [0, 0.5, 0.625, 1], rtol=1e-6)
    np.testing.assert_allclose(normalized_to_depth(labels, 2000.0), depth, atol=1e-3)
    np.testing.assert_allclose(normalized_to_depth(as_array([0.0, 0.1]), 2000.0, root=0.0), [0, 200], rtol=1e-6)


def test_depth_sits_where_the_released_program_has_it(reference):
    """Cell i of D at i / D - 0.5 of the box: the arrays of integral_3d.npz, whose z is this in boxes."""
    arrays = reference('integral_3d')
    size = arrays['heatmaps'].shape[1] // arrays['coords'].shape[1]
    cells = np.arange(size, dtype=np.float64)[:, None]
    depth = normalized_to_depth(heatmap_to_normalized(cells, (size,)), 1.0)
    np.testing.assert_allclose(depth[:, 0], np.arange(size) / size - 0.5)
    assert depth.min() <= arrays['coords'][..., 2].min() and arrays['coords'][..., 2].max() <= depth.max()


@pytest.mark.parametrize('size', [(0, 128), (-96, 128), (float('nan'), 128), (96, float('inf'))])
def test_sizes_must_be_above_zero(size):
    points = np.zeros((1, 2))
    for call, name in (
        (lambda: input_to_normalized(points, size), 'input_size'),
        (lambda: normalized_to_input(points, size), 'input_size'),
        (lambda: heatmap_to_normalized(points, size), 'heatmap_size'),
        (lambda: normalized_to_heatmap(points, size), 'heatmap_size'),
        (lambda: input_to_heatmap(points, INPUT, size), 'heatmap_size'),
        (lambda: heatmap_to_input(points, size, HEATMAP), 'input_size'),
    ):
        with pytest.raises(ValueError, match=f"'{name}' must hold finite numbers > 0, got "):
            call()
    with pytest.raises(ValueError, match=r"'depth_range' must be a finite number > 0, got 0"):
        depth_to_normalized(points, 0)
