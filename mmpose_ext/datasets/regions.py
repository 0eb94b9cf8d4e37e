"""Which part of an image is cached for a person, and the warp of such a part to the network's input."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

__all__ = ['Region', 'affine_matrix', 'person_region', 'warp_part']

_SMALLEST = 16  # pixels of a side: a box of no size has a crop, too
_FARTHEST = 2**30  # pixels: where the corners of huge boxes are cut


class Region(NamedTuple):
    """A rectangle of whole pixels; the right column and the bottom row do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def covers(self, other: 'Region') -> bool:
        """Whether another region lies in this one."""
        begins = self.left <= other.left and self.top <= other.top
        return begins and other.right <= self.right and other.bottom <= self.bottom

    def flipped(self, direction: str, height: int, width: int) -> 'Region':
        """The same pixels in an image of this size that was flipped.

        Args:
            direction: 'horizontal', 'vertical' or 'diagonal' (both).
            height: Of the image.
            width: Of the image.
        """
        left, top, right, bottom = self
        if direction in ('horizontal', 'diagonal'):
            left, right = width - right, width - left
        if direction in ('vertical', 'diagonal'):
            top, bottom = height - bottom, height - top
        return Region(left, top, right, bottom)

    def within(self, height: int, width: int) -> 'Region | None':
        """What lies in an image of this size; None if nothing does."""
        part = Region(max(self.left, 0), max(self.top, 0), min(self.right, width), min(self.bottom, height))
        return part if part.left < part.right and part.top < part.bottom else None


def person_region(person: Mapping[str, object], padding: float) -> Region:
    """The square around a person's box that is cached, which may reach beyond the image.

    Args:
        person: What a dataset says of a person: ``bbox`` (1, 4) or ``bbox_center`` and ``bbox_scale`` (1, 2), which
            come first, as in MMPose's ``GetBBoxCenterScale``.
        padding: Side of the square over the longer side of the box.

    Raises:
        ValueError: If the person has no box, or one that is not finite.
    """
    if 'bbox_center' in person and 'bbox_scale' in person:
        (x, y), (width, height) = (_numbers(person[name]) for name in ('bbox_center', 'bbox_scale'))
    elif 'bbox' in person:
        left, top, right, bottom = _numbers(person['bbox'])
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    else:
        raise ValueError(f"'bbox' must be given for each person, got none for {person.get('img_path')}")
    half = max(padding * abs(width), padding * abs(height), _SMALLEST) / 2
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(half)):
        raise ValueError(f"'bbox' must be finite, got {person.get('bbox')} for {person.get('img_path')}")
    low = (math.floor(max(value - half, -_FARTHEST)) for value in (x, y))
    high = (math.ceil(min(value + half, _FARTHEST)) for value in (x, y))
    return Region(*low, *high)


def _numbers(values: object) -> list[float]:
    """Those of the one person of a sample."""
    numbers: list[float] = np.asarray(values, np.float64)[0].tolist()
    return numbers


def affine_matrix(person: dict, use_udp: bool) -> npt.NDArray[np.floating]:
    """The matrix (2, 3), from pixels of the image to those of the input, by which ``TopdownAffine`` moved the joints.

    Args:
        person: What ``TopdownAffine`` has returned: ``input_center``, ``input_scale``, ``input_size`` and, if the crop
            is rotated, ``bbox_rotation``.
        use_udp: The transform's own.
    """
    rotation = person['bbox_rotation'][0] if 'bbox_rotation' in person else 0.0
    matrix = get_udp_warp_matrix if use_udp else get_warp_matrix
    found: npt.NDArray[np.floating] = matrix(
        person['input_center'], person['input_scale'], rotation, output_size=person['input_size']
    )
    return found


def warp_part(
    part: npt.NDArray[np.generic],
    place: Region,
    image_size: tuple[int, int],
    matrix: npt.NDArray[np.floating],
    output_size: tuple[int, int],
) -> npt.NDArray[np.generic] | None:
    """Warp a part of an image as if the whole image was there.

    Args:
        part: Pixels (h, w) or (h, w, C).
        place: Where they lie in the image.
        image_size: Height and width of the image.
        matrix: Affine map (2, 3) from pixels of the image to pixels of the output.
        output_size: Width and height of the output.

    Returns:
        What ``cv2.warpAffine`` with linear interpolation makes of the whole image, or None if the output shows
        something of the image that lies outside the part. The programs of OpenCV from 4.11 on compute in float32, from
        whatever origin the pixels are counted: some values (about one in 5000) differ by one gray level.
    """
    inverse = cv2.invertAffineTransform(np.asarray(matrix, np.float64))
    width, height = output_size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]) @ inverse.T
    # the interpolation reads the neighbors, and rounding may need one more
    low = np.floor(corners.min(0)).astype(np.int64) - 1
    high = np.ceil(corners.max(0)).astype(np.int64) + 2
    needed = Region(*low.tolist(), *high.tolist()).within(*image_size)
    if needed is None:
        return np.zeros((height, width, *part.shape[2:]), part.dtype)
    if not place.covers(needed):
        return None
    inverse[:, 2] -= (needed.left, needed.top)
    rows = slice(needed.top - place.top, needed.bottom - place.top)
    columns = slice(needed.left - place.left, needed.right - place.left)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part[rows, columns], inverse, output_size, flags=flags)
