import numpy as np
import pytest
import torch
from mmpose.models.utils.tta import flip_coordinates

from mmpose_ext.models.utils import average_maps, average_points, average_scores

WIDTH = 96
SWAPPED = [1, 0, 3, 2, 4]


def random_points(axes=2, seed=0):
    return torch.rand(3, 5, axes, generator=torch.Generator().manual_seed(seed))


def mirrored(points, width=WIDTH):
    """What an exact network says of the mirrored image, joint by joint."""
    result = points.clone()
    for b, k in np.ndindex(*points.shape[:2]):
        result[b, k] = points[b, SWAPPED[k]]
        result[b, k, 0] = (width - 1 - points[b, SWAPPED[k], 0] * width) / width
    return result


@pytest.mark.parametrize('axes', [2, 3])
def test_exact_points_stay_where_they_are(axes):
    points = random_points(axes)
    np.testing.assert_allclose(average_points(points, mirrored(points), SWAPPED, WIDTH), points, atol=1e-6)


def test_the_mirror_is_in_the_middle_of_the_picture():
    """At (w - 1) / 2 pixels: the middle of the first and the last pixel."""
    points = torch.full((1, 1, 2), 0.5)
    points[..., 0] = (WIDTH - 1) / 2 / WIDTH
    np.testing.assert_allclose(average_points(points, points, [0], WIDTH), points, atol=1e-7)
    half = torch.full((1, 1, 2), 0.5)
    np.testing.assert_allclose(average_points(half, half, [0], WIDTH, shift_coords=False), half)


@pytest.mark.parametrize('shift', [True, False])
def test_points_are_mmposes(shift):
    points, flipped = random_points(), random_points(seed=1)
    expected = (points + flip_coordinates(flipped.clone(), SWAPPED, shift, (WIDTH, 128))) / 2
    np.testing.assert_allclose(average_points(points, flipped, SWAPPED, WIDTH, shift), expected, atol=1e-6)


def test_inputs_are_left_alone():
    """MMPose's function writes into the points that it is given."""
    points, flipped = random_points(), random_points(seed=1)
    kept = points.clone(), flipped.clone()
    average_points(points, flipped, SWAPPED, WIDTH)
    average_scores(points, flipped, SWAPPED)
    assert (points == kept[0]).all()
    assert (flipped == kept[1]).all()


@pytest.mark.parametrize('shape', [(3, 5), (3, 5, 2)])
def test_scores_are_averaged_with_the_other_side(shape):
    scores, flipped = torch.rand(shape), torch.rand(shape)
    found = average_scores(scores, flipped, SWAPPED)
    for b, k in np.ndindex(3, 5):
        np.testing.assert_allclose(found[b, k], (scores[b, k] + flipped[b, SWAPPED[k]]) / 2)


@pytest.mark.parametrize('shift', [True, False])
def test_maps_are_averaged_with_the_mirrored_ones(shift):
    maps, flipped = torch.rand(3, 5, 4, 7), torch.rand(3, 5, 4, 7)
    found = average_maps(maps, flipped, SWAPPED, dict(shift_heatmap=shift))
    for b, k in np.ndindex(3, 5):
        for column in range(7):
            # moved by a cell to the right, the first one stays
            source = 6 - max(column - 1, 0) if shift else 6 - column
            expected = (maps[b, k, :, column] + flipped[b, SWAPPED[k], :, source]) / 2
            np.testing.assert_allclose(found[b, k, :, column], expected)
    assert (average_maps(maps, maps.flip(-1)[:, SWAPPED], SWAPPED, {}) == maps).all()


@pytest.mark.parametrize(
    ('shapes', 'message'),
    [
        (((3, 5), (3, 5)), r"'points' must have shape \(B, K, D\), got shape \(3, 5\)"),
        (((3, 5, 2), (3, 4, 2)), r"'flipped' must have shape \(B, K, D\) with B=3, K=5, D=2, got shape \(3, 4, 2\)"),
    ],
)
def test_bad_shapes(shapes, message):
    with pytest.raises(ValueError, match=message):
        average_points(*map(torch.zeros, shapes), SWAPPED, WIDTH)
