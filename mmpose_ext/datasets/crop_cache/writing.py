"""Write a cache: how large it will be, then the file, by one process at a time."""

import copy
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log

from mmpose_ext.compat import usable_cores
from mmpose_ext.files import PART, file_lock, whole_file

from ..regions import Region
from ..transforms.region import LoadRegion
from .crop_file import ENTRY, CropFile, Header, crop_key, decode, encode, read_header, write_end
from .people import People, Settings

__all__ = ['open_or_write']

_SURVEYED = 200  # images that are read to know the size of the file
_SUFFIX = '.crops'


class _Piece(NamedTuple):
    """A crop that is ready to be written."""

    key: int
    content: bytes
    place: Region
    channels: int
    image_size: tuple[int, int]


class _Survey(NamedTuple):
    """What a part of the images tells: bytes of all crops, and the change of their values by JPEG."""

    size: float
    mean_change: float
    largest_change: int


def open_or_write(folder: Path, people: People, load: LoadImageFromFile, settings: Settings) -> CropFile:
    """The whole cache of some people; it is written if it is not there.

    Args:
        folder: Of the caches; each has a file of its own, named by its fingerprint.
        people: Whom the cache is for.
        load: What reads the images.
        settings: How crops are made.

    Raises:
        OSError: If the file cannot be written: no space, no permission.
        ValueError: If an image has no values of 8 bits.
    """
    fingerprint = people.fingerprint(settings, load)
    path = folder / f'{fingerprint[:16]}{_SUFFIX}'
    header = read_header(path, fingerprint)
    if header is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with file_lock(path.with_suffix('.lock')):
                header = read_header(path, fingerprint)  # another process may have written it meanwhile
                if header is None:
                    for part in folder.glob(f'{path.name}.*{PART}'):  # of a process that was killed
                        part.unlink()
                    _write(path, people, load, settings, fingerprint)
                    header = read_header(path, fingerprint)
        except OSError as error:
            raise type(error)(f"'cache_dir' must be a folder to write crops to, got {folder}: {error}") from error
    if header is None:
        raise OSError(f"'cache_dir' must be a folder whose files stay as they are written, got {folder}")
    print_log(f'{header.crops} crops of {len(people.regions)} images are read from {path}', logger='current')
    return CropFile(path, header, people.folder)


def _write(path: Path, people: People, load: LoadImageFromFile, settings: Settings, fingerprint: str) -> None:
    reader = copy.copy(load)
    reader.to_float32 = False
    if isinstance(reader, LoadRegion):
        reader.keeps_whole = True
    start = time.perf_counter()
    with ThreadPoolExecutor(min(usable_cores(), 8)) as pool:
        _announce(path, _survey(people, reader, settings, pool), people, settings)
        with whole_file(path) as part, part.open('wb') as file:
            keys, entries = [], []
            for piece in _pieces(people.regions.items(), people.folder, reader, settings, pool):
                begin = file.tell()
                file.write(piece.content)
                keys.append(piece.key)
                entries.append((begin, file.tell(), *piece.place, piece.channels, *piece.image_size))
            about = Header(fingerprint, settings.form, settings.padding, 0, 0, 0)
            write_end(file, np.array(keys, np.uint64), np.array(entries, ENTRY), about)
    seconds = time.perf_counter() - start
    print_log(f'{path} was written in {seconds:.0f} s: {_readable(path.stat().st_size)}', logger='current')


def _pieces(
    images: Iterable[tuple[str, Sequence[Region]]],
    folder: str,
    reader: LoadImageFromFile,
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> Iterator[_Piece]:
    """The crops image by image; some images ahead are read by other threads."""

    def read(image: tuple[str, Sequence[Region]]) -> list[_Piece]:
        pixels = _read_image(reader, folder + image[0])
        return [] if pixels is None else _cut(pixels, image[0], image[1], settings)

    rest = iter(images)
    while group := [*islice(rest, 64)]:
        for pieces in pool.map(read, group):
            yield from pieces


def _read_image(reader: LoadImageFromFile, path: str) -> npt.NDArray[np.uint8] | None:
    results = reader(dict(img_path=path))
    if results is None:
        return None  # LoadImage(ignore_empty=True)
    image: npt.NDArray[np.uint8] = results['img']
    if image.dtype != np.uint8:
        raise ValueError(f"'dataset' must have images with values of 8 bits, got {image.dtype} from {path}")
    return image


def _cut(image: npt.NDArray[np.uint8], name: str, regions: Sequence[Region], settings: Settings) -> list[_Piece]:
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 0
    pieces = []
    for region in regions:
        place = region.within(height, width)
        if place is not None:  # nothing is kept for a box outside the image
            content = encode(_part(image, place), settings.form, settings.quality)
            pieces.append(_Piece(crop_key(name, region), content, place, channels, (height, width)))
    return pieces


def _part(image: npt.NDArray[np.uint8], place: Region) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(image[place.top : place.bottom, place.left : place.right])


def _survey(people: People, reader: LoadImageFromFile, settings: Settings, pool: ThreadPoolExecutor) -> _Survey:
    """Look at images that lie evenly among all; the size is exact if these are all and the form is 'raw'."""
    names = list(people.regions)
    chosen = [names[number] for number in np.linspace(0, len(names) - 1, min(_SURVEYED, len(names))).astype(int)]

    def look(name: str) -> tuple[int, list[npt.NDArray[np.int16]]]:
        image = _read_image(reader, people.folder + name)
        if image is None:
            return 0, []
        pieces = _cut(image, name, people.regions[name], settings)
        changes = []
        for piece in pieces if settings.form != 'raw' else ():
            part = _part(image, piece.place)
            kept = decode(np.frombuffer(piece.content, np.uint8), settings.form, part.shape)
            changes.append(np.abs(kept.astype(np.int16) - part))
        return sum(len(piece.content) + ENTRY.itemsize + 8 for piece in pieces), changes

    found = [*pool.map(look, chosen)]
    seen = sum(len(people.regions[name]) for name in chosen)
    total = sum(map(len, people.regions.values()))
    changes = [change for _, parts in found for change in parts]
    values = sum(change.size for change in changes) or 1
    return _Survey(
        sum(size for size, _ in found) / seen * total,
        sum(int(change.sum()) for change in changes) / values,
        max((int(change.max()) for change in changes), default=0),
    )


def _announce(path: Path, survey: _Survey, people: People, settings: Settings) -> None:
    """Say how large the file will be, and stop if the disk is too small.

    Raises:
        OSError: If there is less space than that.
    """
    crops, free = sum(map(len, people.regions.values())), shutil.disk_usage(path.parent).free
    change = ''
    if settings.form == 'jpeg':
        change = (
            f'; JPEG of quality {settings.quality} changes values by {survey.mean_change:.2f} gray levels on average '
            f'and by {survey.largest_change} at most'
        )
    others = [other for other in path.parent.glob(f'*{_SUFFIX}') if other != path]
    beside = ''
    if others:
        size = _readable(sum(other.stat().st_size for other in others))
        beside = f'. {len(others)} caches of other data or settings lie there, too ({size}); delete those not needed'
    print_log(
        f'{crops} crops of {len(people.regions)} images will take about {_readable(survey.size)} in {path.parent}, '
        f'where {_readable(free)} are free{change}{beside}',
        logger='current',
    )
    if survey.size > free:
        raise OSError(f'{_readable(survey.size)} are needed, and {_readable(free)} are free')


def _readable(size: float) -> str:
    """A number of bytes for people."""
    return f'{size / 2**30:.2f} GiB' if size >= 2**30 else f'{size / 2**20:.1f} MiB'
