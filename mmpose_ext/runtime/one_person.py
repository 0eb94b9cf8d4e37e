"""Where the one person of an image is, found by the pose model itself where there is no detector."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .crops import scale_boxes, whole_image
from .people import People

__all__ = ['OnePersonFinder', 'PersonModel']

_MARGIN = 1.25  # region around the joints, by their extent: MMPose's padding of a box
_LOOKS = 2  # at the image and at what the first look has found; a third one finds no better box


class PersonModel(Protocol):
    """What finds the joints of people in boxes: a model of torch, or an exported one."""

    @property
    def padding(self) -> float:
        """Factor by which the model enlarges boxes."""

    def predict_batch(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[People]:
        """People of several images, each (H, W, 3) uint8 in BGR, from boxes (N, 5) with a score."""


class OnePersonFinder:
    """Finds the box of the one person that each image shows.

    A model learns people who fill four fifths of its input, and most photographs show more than that. So the model
    looks at the whole image first, without padding, then at the surroundings of the joints that it has found, and the
    box is drawn around those that it finds there.

    Args:
        model: The pose model.
    """

    def __init__(self, model: PersonModel) -> None:
        self._model = model

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Find boxes.

        Args:
            images: Each (H, W, 3) uint8, BGR.

        Returns:
            For each image a box (1, 5), x1, y1, x2, y2 in pixels and the score 1: around the joints, as far as they
            are in the image, or the whole image where they are not.
        """
        frames = [whole_image(image) for image in images]
        regions = frames
        for _ in range(_LOOKS):
            boxes = [scale_boxes(region, 1 / self._model.padding) for region in regions]
            people = self._model.predict_batch(images, boxes)
            around = [_around(found, frame) for found, frame in zip(people, frames, strict=True)]
            regions = [scale_boxes(box, _MARGIN) for box in around]
        return [scale_boxes(region, 1 / self._model.padding) for region in regions]


def _around(people: People, frame: np.ndarray) -> np.ndarray:
    """The box (1, 5) around the joints of one person inside an image, or the whole image (1, 5) if that is none.

    In whole pixels, so that models which differ by rounding errors alone find the same box.
    """
    points = np.clip(people.keypoints[0, :, :2], frame[0, :2], frame[0, 2:4])
    low, high = np.floor(points.min(0)), np.ceil(points.max(0))
    return np.array([[*low, *high, 1]], np.float32) if (high > low).all() else frame
