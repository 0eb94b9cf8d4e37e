"""Photographs turned upright: the EXIF orientation of WebP files, which OpenCV reads only in its newest versions."""

import struct
from collections.abc import Iterator

import cv2
import numpy as np

__all__ = ['decode_upright', 'turned_upright', 'webp_orientation']

_ORIENTATION_TAG = 0x0112
_SHORT = 3  # TIFF's type of a number of 16 bits


def decode_upright(content: np.ndarray) -> np.ndarray | None:
    """Decode an image file as 8 bits and three channels, turned upright by its EXIF orientation.

    Args:
        content: (N,) uint8, the file.

    Returns:
        (H, W, 3) uint8, BGR; None if OpenCV cannot decode it.
    """
    if content[:4].tobytes() != b'RIFF':
        return cv2.imdecode(content, cv2.IMREAD_COLOR)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if image is None else turned_upright(image, webp_orientation(content.tobytes()))


def turned_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undo what an EXIF orientation says about how an image is stored.

    Args:
        image: (H, W, 3).
        orientation: 1 to 8; 1 is upright.

    Returns:
        (H, W, 3), or (W, H, 3) where the image is turned by a right angle.
    """
    if orientation >= 5:
        image = cv2.transpose(image)
    if orientation in (2, 3, 6, 7):
        image = cv2.flip(image, 1)
    if orientation in (3, 4, 7, 8):
        image = cv2.flip(image, 0)
    return image


def webp_orientation(content: bytes) -> int:
    """The EXIF orientation of a WebP file.

    Args:
        content: Of the file.

    Returns:
        1 to 8; 1 (upright) where the file has none, or is damaged.
    """
    for name, chunk in _chunks(content):
        if name == b'EXIF':
            return _orientation(chunk.removeprefix(b'Exif\0\0'))
    return 1


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a RIFF file, after its header of 12 bytes."""
    start = 12
    while start + 8 <= len(content):
        name, size = struct.unpack_from('<4sI', content, start)
        yield name, content[start + 8 : start + 8 + size]
        start += 8 + size + size % 2


def _orientation(tiff: bytes) -> int:
    """The orientation in the first directory of EXIF data, which have TIFF's format."""
    order = {b'II': '<', b'MM': '>'}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f'{order}I', tiff, 4)
        (count,) = struct.unpack_from(f'{order}H', tiff, start)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f'{order}HHIH', tiff, start + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG:
                return int(value) if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:  # the data end before they should
        pass
    return 1
