import math

import numpy as np
import pytest
import torch
from helpers import random_keypoints
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_ext.functional import coordinate_labels, depth_labels, disk_targets, one_hot_targets, one_hot_vectors

INPUT, SIZE = (96, 128), (7, 9)
NAN, INF = float('nan'), float('inf')
REPEATABLE = settings(max_examples=60, deadline=None, derandomize=True)

# ---------------------------------------------------------------------------------------------
# coordinates


def coordinate_labels_loop(points, visible, size):
    labels, weights = np.zeros(points.shape), np.zeros(len(points))
    for k, point in enumerate(points):
        inside = 0 <= point[0] <= size[0] - 1 and 0 <= point[1] <= size[1] - 1
        if inside and np.isfinite(point).all() and visible[k] > 0:
            labels[k] = point[0] / size[0], point[1] / size[1]
            weights[k] = 1
    return labels, weights


def test_coordinates_equal_to_a_loop():
    rng = np.random.default_rng(0)
    points = rng.uniform(-20, 150, (6, 17, 2)).astype(np.float32)
    points[1, 3, 0] = points[2, 4, 1] = np.nan
    visible = np.maximum(rng.uniform(-0.3, 1, (6, 17)), 0).astype(np.float32)
    labels, weights = coordinate_labels(torch.from_numpy(points), torch.from_numpy(visible), INPUT)
    assert labels.dtype == weights.dtype == torch.float32
    assert 0 < (weights > 0).float().mean() < 1
    for n in range(6):
        expected = coordinate_labels_loop(points[n], visible[n], INPUT)
        np.testing.assert_allclose(labels[n], expected[0], rtol=1e-6)
        np.testing.assert_array_equal(weights[n], expected[1].astype(np.float32))


@pytest.mark.parametrize(
    ('point', 'inside'),
    [
        ((0, 0), True),
        ((95, 127), True),
        ((-0.01, 5), False),
        ((5, -0.01), False),
        ((95.01, 5), False),
        ((5, 127.01), False),
        ((1e30, 5), False),
        ((NAN, 5), False),
        ((5, NAN), False),
        ((INF, 5), False),
    ],
)
def test_which_joints_count(point, inside):
    """The image's pixels, 0 to w - 1: those that the mirrored image has, too."""
    labels, weights = coordinate_labels(torch.tensor([point], dtype=torch.float32), torch.ones(1), INPUT)
    assert weights.tolist() == [float(inside)]
    assert labels.isfinite().all()
    assert inside or not labels.any()
    mirrored = torch.tensor([(INPUT[0] - 1 - point[0], *point[1:])], dtype=torch.float32)
    assert coordinate_labels(mirrored, torch.ones(1), INPUT)[1].tolist() == weights.tolist()


@pytest.mark.parametrize(
    ('visible', 'weight'), [(1, 1), (0.5, 1), (0.3, 1), (0, 0), (2, 1), (NAN, 0), (INF, 0), (-INF, 0), (-1, 0)]
)
def test_a_flag_says_whether_a_joint_is_labeled_and_is_no_weight(visible, weight):
    labels, weights = coordinate_labels(torch.full((1, 2), 5.0), torch.tensor([float(visible)]), INPUT)
    assert weights.tolist() == [weight]
    assert bool(labels.any()) is (weight > 0)


@pytest.mark.parametrize('size', [(96,), (0, 128), 96, (96.5, 128)])
def test_bad_sizes(size):
    with pytest.raises(ValueError, match=r"'input_size' must be \(width, height\), two whole numbers > 0, got"):
        coordinate_labels(torch.zeros(1, 2), torch.ones(1), size)


# ---------------------------------------------------------------------------------------------
# depth


@pytest.mark.parametrize(
    ('depth', 'label'),
    [(0, 0.5), (1000, 1), (-1000, 0), (250, 0.625), (1000.5, None), (-1001, None), (NAN, None), (INF, None)],
)
@pytest.mark.parametrize('weight', [0.0, 0.5, 1.0])
def test_depths(depth, label, weight):
    """The root in the middle of the box; what is beyond it, unknown or of a joint without a place trains nothing."""
    labels, weights = depth_labels(torch.tensor([float(depth)]), torch.tensor([weight]), 2000.0)
    counts = label is not None and weight > 0
    assert weights.tolist() == [weight if counts else 0]
    np.testing.assert_allclose(labels, [label if counts else 0], rtol=1e-6)


@pytest.mark.parametrize('depth_range', [0, -5.0, NAN])
def test_bad_depth_ranges(depth_range):
    with pytest.raises(ValueError, match=r"'depth_range' must be a finite number > 0, got"):
        depth_labels(torch.zeros(1), torch.ones(1), depth_range)


def test_one_hot_vectors_are_the_rows_of_one_hot_maps():
    centers = torch.tensor([[0.5, 1.5], [2.4, -3.0], [9.0, 8.5]])
    maps = one_hot_targets(centers, torch.ones(3), SIZE)
    np.testing.assert_array_equal(one_hot_vectors(centers[:, 0], SIZE[0]), maps.sum(1))
    np.testing.assert_array_equal(one_hot_vectors(centers[:, 1], SIZE[1]), maps.sum(2))


# ---------------------------------------------------------------------------------------------
# maps


def one_hot_loop(center, weight, size):
    grid = np.zeros((size[1], size[0]))
    if weight > 0 and np.isfinite(center).all():
        nearest = []
        for place, side in zip(center, size, strict=True):
            # of two equally near cells the higher
            nearest.append(min(range(side), key=lambda cell, place=place: (abs(cell - place), -cell)))
        grid[nearest[1], nearest[0]] = 1
    return grid


def disk_loop(center, weight, size, radius):
    grid = np.zeros((size[1], size[0]))
    for row in range(size[1]):
        for column in range(size[0]):
            distance = math.hypot((column - center[0]) / radius[0], (row - center[1]) / radius[1])
            grid[row, column] = weight > 0 and distance <= 1
    return grid


def random_centers():
    centers = random_keypoints(4, 12, SIZE, margin=-3)
    weights = (np.random.default_rng(1).random((4, 12)) < 0.8).astype(np.float32)
    return centers, weights


def test_one_hot_equals_a_loop():
    centers, weights = random_centers()
    maps = one_hot_targets(torch.from_numpy(centers), torch.from_numpy(weights), SIZE)
    assert maps.shape == (4, 12, SIZE[1], SIZE[0])
    assert maps.dtype == torch.float32
    assert set(maps.sum((-1, -2)).unique().tolist()) == {0.0, 1.0}
    for index in np.ndindex(4, 12):
        np.testing.assert_array_equal(maps[index], one_hot_loop(centers[index], weights[index], SIZE))


@pytest.mark.parametrize('radius', [(3.75, 3.75), (1.0, 2.5), (0.4, 0.4)])
def test_disk_equals_a_loop(radius):
    centers, weights = random_centers()
    maps = disk_targets(torch.from_numpy(centers), torch.from_numpy(weights), SIZE, radius)
    assert maps.shape == (4, 12, SIZE[1], SIZE[0])
    for index in np.ndindex(4, 12):
        np.testing.assert_array_equal(maps[index], disk_loop(centers[index], weights[index], SIZE, radius))


def test_ties_go_to_the_higher_cell():
    centers = torch.tensor([[0.5, 1.5], [2.5, 3.5], [5.5, 7.5]])
    found = [tuple(cell.tolist()) for cell in one_hot_targets(centers, torch.ones(3), SIZE).nonzero()]
    assert found == [(0, 2, 1), (1, 4, 3), (2, 8, 6)]


def test_the_disk_has_its_border():
    center, radius = torch.tensor([[3.0, 4.0]]), (2.0, 1.0)
    (disk,) = disk_targets(center, torch.ones(1), SIZE, radius)
    assert disk.sum() == 7  # five cells of the row, and one above and below
    assert disk[4].tolist() == [0, 1, 1, 1, 1, 1, 0]
    assert disk[:, 3].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize('bad', [NAN, INF, -INF, 3e38])
@pytest.mark.parametrize('weight', [0.0, 1.0])
def test_bad_centers_give_finite_maps(bad, weight):
    centers, weights = torch.tensor([[bad, 3.0]]), torch.tensor([weight])
    for maps in (one_hot_targets(centers, weights, SIZE), disk_targets(centers, weights, SIZE, (2.0, 2.0))):
        assert maps.isfinite().all()
        assert weight or not maps.any()


@REPEATABLE
@given(st.floats(-2, 8), st.floats(-2, 10))
def test_the_one_hot_cell_is_in_every_disk_that_reaches_it(x, y):
    center = torch.tensor([[x, y]], dtype=torch.float64)
    (cell,) = one_hot_targets(center, torch.ones(1), SIZE)
    (disk,) = disk_targets(center, torch.ones(1), SIZE, (4.0, 4.0))
    assert cell.sum() == 1
    assert disk[cell > 0].all(), 'at most 2 cells outside: the nearest cell is within 4'
    assert (disk_targets(center, torch.ones(1), SIZE, (5.0, 5.0))[0] >= disk).all()


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_maps_are_of_the_centers_type(dtype):
    centers = torch.tensor([[3.0, 4.0]], dtype=dtype)
    assert one_hot_targets(centers, torch.ones(1), SIZE).dtype == dtype
    assert disk_targets(centers, torch.ones(1), SIZE, (2.0, 2.0)).dtype == dtype


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(centers=torch.zeros(3, 3)), r"'centers' must have shape \(\.\.\., K, 2\), got shape \(3, 3\)"),
        (dict(size=(0, 4)), r"'size' must be \(width, height\), two whole numbers > 0, got \(0, 4\)"),
        (dict(radius=(0.0, 1.0)), r"'radius' must be a finite number > 0, got 0\.0"),
        (dict(radius=(1.0, NAN)), r"'radius' must be a finite number > 0, got nan"),
    ],
)
def test_bad_arguments(change, message):
    arguments = dict(centers=torch.zeros(3, 2), weights=torch.ones(3), size=SIZE, radius=(1.0, 1.0)) | change
    with pytest.raises(ValueError, match=message):
        disk_targets(**arguments)
    if 'radius' not in change:
        del arguments['radius']
        with pytest.raises(ValueError, match=message):
            one_hot_targets(**arguments)
