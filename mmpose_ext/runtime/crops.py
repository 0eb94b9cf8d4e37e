"""From a person's box to the crop that a network sees, and from points of the crop back into the image.

The crop is the one that the top-down pipeline of MMPose trains with: the box is enlarged by a padding, widened or
heightened to the aspect ratio of the input, and warped by an affine transform. Boxes are (x1, y1, x2, y2) in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = [
    'CropSettings',
    'boxes_to_regions',
    'crop_person',
    'points_to_image',
    'scale_boxes',
    'scored_boxes',
    'usable_boxes',
    'whole_image',
]


@dataclass(frozen=True)
class CropSettings:
    """How a network's input is cut out of an image.

    Attributes:
        input_size: (w, h) of the network input in pixels.
        padding: Factor by which the box is enlarged on both sides.
        udp: Whether the centers of the outermost pixels, and not the outer edges, are mapped onto each other ("The
            Devil is in the Details", CVPR 2020); this is MMPose's ``TopdownAffine(use_udp=True)``.
    """

    input_size: tuple[int, int]
    padding: float = 1.25
    udp: bool = False


def whole_image(image: np.ndarray) -> np.ndarray:
    """The box (1, 5) of one person who fills an image (H, W, 3), with the score 1."""
    height, width = image.shape[:2]
    return np.array([[0, 0, width, height, 1]], np.float32)


def scale_boxes(boxes: np.ndarray, factor: float) -> np.ndarray:
    """Boxes (N, 5) with ``factor`` times their sides and the same centers and scores."""
    middle, half = (boxes[:, :2] + boxes[:, 2:4]) / 2, (boxes[:, 2:4] - boxes[:, :2]) / 2 * np.float32(factor)
    return np.column_stack((middle - half, middle + half, boxes[:, 4:]))


def scored_boxes(boxes: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Boxes with a score.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 in pixels, whose scores become 1, or (N, 5) with a score; (0,) for nobody.

    Returns:
        (N, 5) float32.

    Raises:
        ValueError: If the boxes have another shape.
    """
    array = np.asarray(boxes, np.float32)
    if array.size == 0:
        return np.zeros((0, 5), np.float32)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise ValueError(f"'boxes' must have shape (N, 4) or (N, 5), got {array.shape}")
    return array if array.shape[1] == 5 else np.column_stack((array, np.ones(len(array), np.float32)))


def usable_boxes(boxes: np.ndarray, image_size: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    """Tell the boxes that show a part of the image from those that cannot be cropped.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 in pixels, or (N, 5) with a score, which must be a number, too.
        image_size: (w, h) of the image in pixels.

    Returns:
        Indices (M,) of the usable boxes, and one message for each other box.
    """
    width, height = image_size
    usable, problems = [], []
    for index, box in enumerate(np.asarray(boxes, np.float64)):
        x1, y1, x2, y2 = box[:4]
        text = f'box {index} ({", ".join(f"{side:g}" for side in box)})'
        if not np.isfinite(box).all():
            problems.append(f'{text} is not finite')
        elif x2 <= x1 or y2 <= y1:
            problems.append(f'{text} is empty')
        elif x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            problems.append(f'{text} is outside the image of {width} x {height} pixels')
        else:
            usable.append(index)
    return np.array(usable, np.int64), problems


def boxes_to_regions(boxes: np.ndarray, settings: CropSettings) -> tuple[np.ndarray, np.ndarray]:
    """Regions of the image that the crops show.

    Args:
        boxes: (N, 4), x1, y1, x2, y2 in pixels.
        settings: How crops are cut out.

    Returns:
        Centers (N, 2) and sizes (N, 2), x first, in pixels of the image, float32.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    centers = (boxes[:, :2] + boxes[:, 2:]) * np.float32(0.5)
    widths, heights = ((boxes[:, 2:] - boxes[:, :2]) * np.float32(settings.padding)).T
    ratio = settings.input_size[0] / settings.input_size[1]
    wide = widths > heights * ratio
    sizes = np.where(wide, (widths, widths / ratio), (heights * ratio, heights)).T
    return centers, sizes.astype(np.float32)


def _warp_matrix(center: np.ndarray, size: np.ndarray, settings: CropSettings) -> np.ndarray:
    """Affine matrix (2, 3) from the image to the crop."""
    width, height = settings.input_size
    if settings.udp:
        factors = (np.array([width, height], np.float32) - 1) / size
        offsets = factors * (np.float32(-0.5) * (center * 2) + np.float32(0.5) * size)
        return np.array([[factors[0], 0, offsets[0]], [0, factors[1], offsets[1]]], np.float32)
    # Three corresponding points: the center, the point half a width to its left, and one at a right angle to them.
    # OpenCV solves for the matrix in the types that MMPose uses, so that crops are equal to the last bit.
    half = float(size[0]) * 0.5
    source = _right_angle(center, half)
    target = _right_angle(np.array([width * 0.5, height * 0.5]), width * 0.5)
    return cv2.getAffineTransform(source, target)


def _right_angle(center: np.ndarray, side: float) -> np.ndarray:
    """Three points (3, 2), float32: a center, a point ``side`` to its left and a point ``side`` below that."""
    x, y = (float(axis) for axis in center)
    points = np.array([[x, y], [x - side, y], [0, 0]], np.float32)
    points[2] = points[1] + (0, points[0, 0] - points[1, 0])
    return points


def crop_person(image: np.ndarray, center: np.ndarray, size: np.ndarray, settings: CropSettings) -> np.ndarray:
    """Cut a region out of an image, in the size of the network input.

    Args:
        image: (H, W, 3) uint8.
        center: (2,), x first, in pixels.
        size: (2,) of the region in pixels.
        settings: How crops are cut out.

    Returns:
        (h, w, 3) uint8; what lies outside the image is black.
    """
    matrix = _warp_matrix(center, size, settings)
    return cv2.warpAffine(image, matrix, settings.input_size, flags=cv2.INTER_LINEAR)


def points_to_image(points: np.ndarray, centers: np.ndarray, sizes: np.ndarray, settings: CropSettings) -> np.ndarray:
    """Points of crops in pixels of the image.

    Args:
        points: (N, K, D) in input pixels, x first; a third axis stays as it is.
        centers: (N, 2) of the regions in pixels of the image.
        sizes: (N, 2) of the regions in pixels of the image.
        settings: How crops are cut out.

    Returns:
        (N, K, D) float32.
    """
    corners = centers - 0.5 * sizes
    scales = (sizes / np.asarray(settings.input_size, np.float32))[:, None]
    moved = points[..., :2] * scales + corners[:, None]
    return np.concatenate((moved, points[..., 2:]), -1).astype(np.float32)
