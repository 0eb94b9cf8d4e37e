"""Joints, boxes, heatmaps and titles drawn onto images."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from mmpose.utils.typing import ConfigType

from mmpose_ext.runtime import drawing

__all__ = ['draw_skeleton', 'enlarge', 'overlay_map', 'to_rgb', 'with_title']

_DRAWN_HEIGHT = 512  # pixels that a small crop is enlarged to, so that joints stay apart
_FARTHEST = 30_000  # pixels; OpenCV draws with 16 fractional steps in 32 bits


def to_rgb(image: np.ndarray) -> np.ndarray:
    """An image as it can be drawn on: (h, w, 3) uint8 RGB.

    Args:
        image: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of 8 or 16 bits or floats, blue first, as OpenCV reads it.
    """
    if image.dtype == np.uint16:
        image = image // 257
    image = np.clip(image, 0, 255).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.dstack([image.reshape(image.shape[:2])] * 3)
    return np.ascontiguousarray(image[..., 2::-1])


def overlay_map(image: np.ndarray, heatmap: np.ndarray, input_size: Sequence[int]) -> np.ndarray:
    """Lay a heatmap over the crop it belongs to.

    Args:
        image: (h, w, 3) uint8 RGB, the network's input, enlarged or not.
        heatmap: (H, W) in 0..1; cell i sits at pixel i * input / map of the input.
        input_size: (w, h) of the input in pixels.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    factor = np.array([width, height]) / input_size  # drawn pixels per pixel of the input
    step = np.array(heatmap.shape[::-1]) / input_size  # cells per pixel of the input
    # drawn pixel u shows the pixel (u + .5) / factor - .5 of the input
    scale, shift = step / factor, step * (0.5 / factor - 0.5)
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    values = cv2.warpAffine(np.clip(heatmap, 0, 1).astype(np.float32), matrix, (width, height), flags=flags)
    colors = cv2.applyColorMap((values * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    weight = (0.75 * values[..., None]).clip(0.25)
    return (image * (1 - weight) + colors * weight).astype(np.uint8)


def draw_skeleton(
    image: np.ndarray,
    factor: float,
    points: np.ndarray,
    labeled: np.ndarray,
    boxes: Iterable[Sequence[float]],
    metainfo: ConfigType,
) -> np.ndarray:
    """A copy of an image with labeled joints in the dataset's colors (COCO: the left side green, the right orange).

    Args:
        image: (h, w, 3) uint8 RGB, enlarged or not.
        factor: By which it was enlarged.
        points: (N, K, 2) in pixels before that.
        labeled: (N, K) bool: which joints to draw.
        boxes: Left, top, right, bottom in pixels before that.
        metainfo: Parsed metainfo of the dataset.
    """
    image = image.copy()
    places = (points + 0.5) * factor - 0.5  # the center of pixel i becomes the center of its block
    size = max(2, image.shape[0] // 250)
    joint_colors, link_colors = metainfo['keypoint_colors'].tolist(), metainfo['skeleton_link_colors'].tolist()
    for person, shown in zip(places, labeled, strict=True):
        drawing.draw_skeleton(image, person, shown, metainfo['skeleton_links'], joint_colors, link_colors, size)
    for box in boxes:
        if np.isfinite(box).all():
            left, top, right, bottom = np.rint(np.clip(box, -_FARTHEST, _FARTHEST)).astype(int).tolist()
            cv2.rectangle(image, (left, top), (right, bottom), (255, 255, 255), size)
    return image


def enlarge(image: np.ndarray) -> np.ndarray:
    """A crop at a whole multiple of its size, near 512 pixels high."""
    factor = max(1, round(_DRAWN_HEIGHT / image.shape[0]))
    large: np.ndarray = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return large


def with_title(image: np.ndarray, title: str) -> np.ndarray:
    """An image with a title in its upper left corner; in place."""
    titled: np.ndarray = cv2.putText(
        image, title, (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2, cv2.LINE_AA
    )
    return titled
