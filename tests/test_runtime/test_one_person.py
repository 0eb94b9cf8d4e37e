"""The one person of an image is looked for in the whole image first, and then cut out closely."""

import numpy as np
import pytest

from mmpose_ext.runtime.crops import CropSettings, boxes_to_regions, scale_boxes
from mmpose_ext.runtime.one_person import OnePersonFinder
from mmpose_ext.runtime.people import People

IMAGE = np.zeros((80, 120, 3), np.uint8)


class Model:
    """Finds the same joints everywhere, and keeps the boxes that it was asked for."""

    def __init__(self, joints: object, padding: float) -> None:
        self.joints, self.padding = np.array([joints], np.float32), padding
        self.asked: list[np.ndarray] = []

    def predict_batch(self, images: list[np.ndarray], boxes: list[np.ndarray]) -> list[People]:
        self.asked += boxes
        ones = np.ones((1, self.joints.shape[1]), np.float32)
        return [People(box[:, :4], box[:, 4], self.joints, ones) for box in boxes]


@pytest.mark.parametrize('padding', [1.0, 1.25, 2.0])
def test_regions_are_the_image_and_then_the_person(padding: float) -> None:
    model = Model([[20, 30], [60, 10], [40, 70]], padding)
    (box,) = OnePersonFinder(model)([IMAGE])
    settings = CropSettings((64, 64), padding)
    centers, sizes = boxes_to_regions(model.asked[0][:, :4], settings)
    np.testing.assert_allclose((centers, sizes), ([[60, 40]], [[120, 120]]), rtol=1e-6)
    centers, sizes = boxes_to_regions(box[:, :4], settings)
    # the joints extend over 60 pixels from top to bottom
    np.testing.assert_allclose((centers, sizes), ([[40, 40]], [[75, 75]]), rtol=1e-6)
    np.testing.assert_allclose(model.asked[1], box, rtol=1e-6)
    assert box[0, 4] == 1 and len(model.asked) == 2


def test_joints_beyond_the_image_do_not_widen_the_box() -> None:
    (box,) = OnePersonFinder(Model([[-40, 30], [60, 10], [40, 300]], 1.25))([IMAGE])
    np.testing.assert_allclose(box, [[0, 10, 60, 80, 1]], atol=1e-5)


@pytest.mark.parametrize('joints', [[[300, 5], [400, 50]], [[np.nan, 5], [9, 50]]])
def test_without_usable_joints_it_is_the_whole_image(joints: list[list[float]]) -> None:
    (box,) = OnePersonFinder(Model(joints, 1.25))([IMAGE])
    np.testing.assert_allclose(box, [[0, 0, 120, 80, 1]], atol=1e-5)


def test_no_images() -> None:
    assert OnePersonFinder(Model([[1, 2], [3, 4]], 1.25))([]) == []


def test_boxes_are_scaled_about_their_centers() -> None:
    boxes = np.array([[0, 10, 20, 30, 0.5], [-5, 0, 5, 2, 0.25]], np.float32)
    expected = [[-10, 0, 30, 40, 0.5], [-10, -1, 10, 3, 0.25]]
    np.testing.assert_allclose(scale_boxes(boxes, 2), expected)
    np.testing.assert_allclose(scale_boxes(scale_boxes(boxes, 2), 0.5), boxes)
