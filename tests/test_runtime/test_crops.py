"""Crops of the runtime against the pipeline of MMPose."""

import numpy as np
import pytest
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmpose_ext.runtime.crops import (
    CropSettings,
    boxes_to_regions,
    crop_person,
    points_to_image,
    scored_boxes,
    usable_boxes,
    whole_image,
)

BOXES = np.array(
    [[10, 20, 110, 220], [-30.5, 5.25, 90.75, 60], [100, 100, 101, 400], [0, 0, 320, 240], [310, 230, 500, 700]],
    np.float32,
)


@pytest.mark.parametrize('udp', [False, True])
@pytest.mark.parametrize(
    ('size', 'padding'), [((192, 256), 1.25), ((256, 256), 1.0), ((96, 128), 1.5), ((50, 33), 1.25)]
)
def test_crops_equal_those_of_mmpose_to_the_last_bit(size, padding, udp):
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    settings = CropSettings(size, padding, udp)
    centers, sizes = boxes_to_regions(BOXES, settings)
    for box, center, region in zip(BOXES, centers, sizes, strict=True):
        results = dict(img=image, bbox=box[None], img_shape=image.shape[:2])
        results = TopdownAffine(size, use_udp=udp)(GetBBoxCenterScale(padding=padding)(results))
        assert np.array_equal(crop_person(image, center, region, settings), results['img'])
        assert np.array_equal(center, results['input_center'])
        assert np.array_equal(region, results['input_scale'])


def test_points_go_back_into_the_image():
    """As MMPose's estimator takes them back; depth stays."""
    settings = CropSettings((96, 128))
    centers, sizes = boxes_to_regions(BOXES, settings)
    points = np.random.default_rng(0).uniform(0, 96, (len(BOXES), 4, 3)).astype(np.float32)
    moved = points_to_image(points, centers, sizes, settings)
    for person, (center, size) in enumerate(zip(centers, sizes, strict=True)):
        expected = points[person, :, :2] / np.array([96, 128]) * size + center - 0.5 * size
        np.testing.assert_allclose(moved[person, :, :2], expected, rtol=1e-5, atol=1e-3)
    assert np.array_equal(moved[..., 2], points[..., 2])


def test_boxes_that_cannot_be_cropped_are_named():
    boxes = [[0, 0, 10, 10], [5, 5, 5, 9], [np.nan, 0, 1, 1], [500, 0, 600, 10], [-20, -20, -1, -1], [-5, -5, 5, 5]]
    usable, problems = usable_boxes(np.array(boxes), (320, 240))
    assert usable.tolist() == [0, 5]
    words = ['empty', 'not finite', 'outside', 'outside']
    assert len(problems) == len(words)
    for index, (problem, word) in enumerate(zip(problems, words, strict=True), start=1):
        assert problem.startswith(f'box {index} ')
        assert word in problem


def test_boxes_get_scores():
    assert scored_boxes([[0, 1, 2, 3]]).tolist() == [[0, 1, 2, 3, 1]]
    assert scored_boxes([[0, 1, 2, 3, 0.5]]).tolist() == [[0, 1, 2, 3, 0.5]]
    assert scored_boxes([]).shape == (0, 5)
    assert whole_image(np.zeros((4, 6, 3), np.uint8)).tolist() == [[0, 0, 6, 4, 1]]
    with pytest.raises(ValueError, match=r"'boxes' must have shape \(N, 4\)"):
        scored_boxes([[1, 2, 3]])
