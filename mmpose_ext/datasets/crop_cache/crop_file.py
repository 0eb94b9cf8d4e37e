"""The file of a cache: pixels of all crops, an index, and what was written.

A file is the crops' bytes, the sorted keys (uint64), their entries (:data:`ENTRY`), a JSON text and a footer. The
footer is written last and says how long the text is; the text says how long the file is. A file that was cut off is
found at once, without reading its pixels.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from ..regions import Region, person_region

__all__ = ['ENTRY', 'FORMS', 'Crop', 'CropFile', 'Header', 'crop_key', 'encode', 'read_header', 'write_end']

#: Ways to keep pixels: as they are, or compressed with losses.
FORMS = ('raw', 'jpeg')
#: What the index says of a crop: its bytes, its rectangle and its image's size.
ENTRY = np.dtype(
    [(name, '<i8') for name in ('start', 'stop')]
    + [(name, '<i4') for name in ('left', 'top', 'right', 'bottom', 'channels', 'image_height', 'image_width')]
)
_FOOTER = struct.Struct('<8sQ')
_MAGIC = b'MMPXCROP'
_ALIGNED = 8  # bytes, as the keys have to be


class Header(NamedTuple):
    """What a whole file says of itself.

    Attributes:
        fingerprint: Of the images, boxes and settings that the crops were made from.
        form: One of :data:`FORMS`.
        padding: Side of a crop over the longer side of the box.
        crops: Their number.
        keys_at: Offset of the keys in bytes.
        size: Of the file in bytes.
    """

    fingerprint: str
    form: str
    padding: float
    crops: int
    keys_at: int
    size: int


class Crop(NamedTuple):
    """A part of an image: pixels (h, w) or (h, w, C), the place, and the image's height and width."""

    pixels: npt.NDArray[np.uint8]
    place: Region
    image_size: tuple[int, int]


def crop_key(image: str, region: Region) -> int:
    """The number under which a crop is found: 64 bits of a hash of the image's path and the region."""
    text = f'{image}\0{region.left},{region.top},{region.right},{region.bottom}'
    return int.from_bytes(hashlib.blake2b(text.encode('utf-8', 'surrogateescape'), digest_size=8).digest(), 'little')


def encode(pixels: npt.NDArray[np.uint8], form: str, quality: int) -> bytes:
    """Pixels (h, w) or (h, w, C) as the file holds them."""
    if form == 'raw':
        return pixels.tobytes()
    return bytes(cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def decode(content: npt.NDArray[np.uint8], form: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Inverse of :func:`encode`; of 'raw' a view."""
    if form == 'raw':
        return content.reshape(shape)
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError('the bytes of a crop are no JPEG file')
    return pixels.reshape(shape)


def write_end(file: BinaryIO, keys: npt.NDArray[np.uint64], entries: npt.NDArray[np.void], about: Header) -> None:
    """Write what follows the pixels.

    Args:
        file: At its end.
        keys: (N,), of the crops in the order in which they were written.
        entries: (N,), of the type :data:`ENTRY`.
        about: Where ``crops``, ``keys_at`` and ``size`` do not count.
    """
    file.write(bytes(-file.tell() % _ALIGNED))
    keys_at, order = file.tell(), np.argsort(keys)
    file.write(keys[order].astype('<u8').tobytes())
    file.write(entries[order].tobytes())
    end = file.tell()
    text = b''
    for _ in range(3):  # the text holds its own length by way of the file's
        size = end + len(text) + _FOOTER.size
        text = json.dumps(about._replace(crops=len(keys), keys_at=keys_at, size=size)._asdict()).encode()
    file.write(text)
    file.write(_FOOTER.pack(_MAGIC, len(text)))


def read_header(path: Path, fingerprint: str) -> Header | None:
    """What a file says of itself; None if it is not there, not whole or made from other data.

    Args:
        path: Of the file.
        fingerprint: Of the data and settings.
    """
    try:
        size = path.stat().st_size
        with path.open('rb') as file:
            file.seek(max(size - _FOOTER.size, 0))
            magic, length = _FOOTER.unpack(file.read())
            if magic != _MAGIC or length > size:
                return None
            file.seek(size - _FOOTER.size - length)
            header = Header(**json.loads(file.read(length)))
    except (FileNotFoundError, NotADirectoryError, struct.error, ValueError, TypeError):
        return None
    return header if header.size == size and header.fingerprint == fingerprint else None


class CropFile:
    """A whole file of crops, mapped into memory: processes of a machine share its pages.

    Args:
        path: Of the file.
        header: What it says of itself.
        folder: Beginning of the images' paths, which the keys leave out: the data may be moved.
    """

    def __init__(self, path: Path, header: Header, folder: str = '') -> None:
        self.path = path
        self.header = header
        self.folder = folder
        self._map()

    def __len__(self) -> int:
        return self.header.crops

    def __getstate__(self) -> tuple[Path, Header, str]:
        return self.path, self.header, self.folder  # memory is mapped anew in another process

    def __setstate__(self, state: tuple[Path, Header, str]) -> None:
        self.path, self.header, self.folder = state
        self._map()

    def _map(self) -> None:
        count, start = self.header.crops, self.header.keys_at
        self._bytes = np.memmap(self.path, np.uint8, 'r')
        middle = start + 8 * count
        self._keys = self._bytes[start:middle].view('<u8')
        self._entries = self._bytes[middle : middle + ENTRY.itemsize * count].view(ENTRY)

    def find(self, person: Mapping[str, object]) -> Crop | None:
        """The crop of a person; None if it is not in the file.

        Args:
            person: With ``img_path`` and a box, see :func:`person_region`.

        Raises:
            ValueError: If the crop's bytes are broken.
        """
        region = person_region(person, self.header.padding)
        key = np.uint64(crop_key(str(person['img_path']).removeprefix(self.folder), region))
        number = int(np.searchsorted(self._keys, key))
        if number == len(self._keys) or self._keys[number] != key:
            return None
        start, stop, left, top, right, bottom, channels, *image_size = self._entries[number].tolist()
        place = Region(left, top, right, bottom)
        shape = (*place.size, channels) if channels else place.size
        try:
            pixels = decode(np.asarray(self._bytes[start:stop]), self.header.form, shape)
        except (ValueError, cv2.error) as error:
            raise ValueError(f"'cache_dir' holds a broken file, {self.path} ({error}); delete it") from error
        return Crop(pixels, place, (image_size[0], image_size[1]))
