"""The images of a dataset: whether they are there, and whether they are what the annotations and the network expect."""

import filecmp
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .findings import Finding, by_share, describe_error, examples

__all__ = ['ImageFiles', 'check_images', 'check_overlap', 'open_images']

_COLOR = "color_type='color' of LoadImage converts gray, alpha and 16 bits; it is the default"
_ORIENTATION = 0x0112  # EXIF's tag; 5 to 8 exchange width and height


@dataclass(frozen=True)
class ImageFiles:
    """The images of a dataset: their paths, and (M,) bool, which of them are files."""

    paths: Sequence[str]
    exist: np.ndarray

    def __add__(self, other: 'ImageFiles') -> 'ImageFiles':
        return ImageFiles([*self.paths, *other.paths], np.concatenate([self.exist, other.exist]))


def check_images(folder: str, names: Sequence[str], where: str) -> tuple[ImageFiles, list[Finding]]:
    """Look for every image by listing the folders, which takes a second also for COCO's 118 000.

    Args:
        folder: The dataset's folder of images.
        names: File names below it, as the annotations have them.
        where: 'train', 'val' or 'test'.
    """
    paths = [Path(folder, name) for name in names]
    listing = {parent: _list(parent) for parent in {path.parent for path in paths}}
    exist = np.array([path.name in listing[path.parent] for path in paths], bool)
    images = ImageFiles([str(path) for path in paths], exist)
    findings = _check_repeated(names, where)
    if exist.all():
        what = f'all {len(paths)} images are in {folder or Path(names[0]).parent}'
        return images, [*findings, Finding('ok', 'images', where, what)]
    missing = [path for path, found in zip(paths, exist, strict=True) if not found]
    what = f'{len(missing)} of {len(paths)} images are missing, e.g. {missing[0]}'
    advice = _explain_missing(missing[0], listing, len(paths))
    return images, [*findings, Finding('error', 'images', where, what, advice)]


def _list(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder)) if folder.is_dir() else set()
    except (OSError, ValueError):  # not to be read, or no path at all
        return set()


def _check_repeated(names: Sequence[str], where: str) -> list[Finding]:
    """Images that a file lists twice under two identities."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not twice:
        return []
    what = f'{len(twice)} images are listed more than once, under several ids ({examples(twice)})'
    return [Finding('warning', 'images-twice', where, what, 'people found in one of them are missed in the others')]


def _plain(name: str) -> str:
    """A name without what differs between file systems: case and the form of Unicode."""
    return unicodedata.normalize('NFC', name).casefold()


def _explain_missing(path: Path, listing: dict[Path, set[str]], total: int) -> str:
    there = listing[path.parent]
    parent = path.parent
    if not there:
        # the first folder of the path that is not there
        while parent != parent.parent and not parent.parent.is_dir():
            parent = parent.parent
        twin = _form_of(parent.name, _list(parent.parent)) if not parent.is_dir() else ''
        return twin or f'the folder {path.parent} is missing or empty: check data_root and data_prefix'
    twin = _form_of(path.name, there)
    if twin:
        return twin
    same = sorted(name for name in there if _plain(Path(name).stem) == _plain(path.stem))
    if same:
        return f'there is {same[0]}: the file names of the annotations differ in suffix or case'
    return (
        f'{path.parent} holds {len(there)} entries ({examples(sorted(there))}): check data_prefix against the '
        f'file_name of the annotations, or complete the images ({total} are needed)'
    )


def _form_of(name: str, there: set[str]) -> str:
    """What to say if a name is there in another form of Unicode, otherwise nothing."""
    for other in sorted(there - {name}):
        for form in ('NFC', 'NFD', 'NFKC'):
            if unicodedata.normalize(form, other) == unicodedata.normalize(form, name):
                return (
                    f'there is {other}, which looks equal and is another form of Unicode ({_form(other)} on the disk, '
                    f'{_form(name)} in the annotations): rename the files, or normalize the names with unicodedata'
                )
    return ''


def _form(name: str) -> str:
    return next((form for form in ('NFC', 'NFD') if unicodedata.is_normalized(form, name)), 'neither NFC nor NFD')


def open_images(
    images: ImageFiles,
    sizes: np.ndarray,
    chosen: Sequence[int],
    load: Callable[[str], np.ndarray | None],
    channels: int,
    where: str,
) -> tuple[np.ndarray, list[Finding]]:
    """Read some of the images as the config does, and compare their sizes with the annotations'.

    Args:
        images: Those of the dataset.
        sizes: (M, 2) widths and heights of the annotations, NaN where they tell none.
        chosen: Which images to read.
        load: Reads an image as the pipeline does: (h, w) or (h, w, channels).
        channels: What the network's preprocessor expects.
        where: 'train', 'val' or 'test'.

    Returns:
        The sizes, (M, 2), with those found in the files in place of NaN; and the findings.
    """
    sizes = sizes.copy()
    unreadable, other_size, other_kind = [], [], []
    for index in chosen:
        path = images.paths[index]
        try:
            image = load(path)
            if image is None:
                raise ValueError('no image')
        except Exception as error:  # OpenCV, Pillow and storage back ends raise what they like
            unreadable.append(f'{path}: {describe_error(error)}')
            continue
        size = image.shape[1::-1]
        if np.isfinite(sizes[index]).all() and tuple(sizes[index]) != size:
            other_size.append((path, tuple(int(side) for side in sizes[index]), size))
        if (image.shape[2] if image.ndim == 3 else 1) != channels or image.dtype not in (np.uint8, np.float32):
            other_kind.append(f'{image.dtype} of shape {image.shape} ({path})')
        sizes[index] = size
    findings = []
    if unreadable:
        what = f'{len(unreadable)} of {len(chosen)} images cannot be read ({examples(unreadable)})'
        findings.append(Finding('error', 'unreadable-image', where, what, 'copy or download them again'))
    if other_size:
        findings.append(_report_size(other_size, len(chosen), where))
    if other_kind:
        what = (
            f'{len(other_kind)} of {len(chosen)} images are read as {other_kind[0]}, '
            f'and the data preprocessor expects {channels} channels of uint8'
        )
        findings.append(Finding('error', 'image-channels', where, what, _COLOR))
    if not findings:
        findings.append(Finding('ok', 'images', where, f'{len(chosen)} images opened'))
    return sizes, findings


def _report_size(other_size: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]], total: int, where: str) -> Finding:
    """Images (path, annotated size, size as read) of another size than annotated."""
    path, told, size = other_size[0]
    what = (
        f'{len(other_size)} of {total} images have another size than their annotation says: '
        f'{path} is {size[0]} x {size[1]}, not {told[0]} x {told[1]}'
    )
    advice = 'images were resized after labeling: boxes and joints are off'
    if all(told == size[::-1] for _, told, size in other_size) and _is_turned(path):
        advice = (
            'these images are turned by their EXIF orientation: LoadImage(color_type=...) must read them as they were '
            "labeled ('color' turns them, 'color_ignore_orientation' does not)"
        )
    return Finding(by_share(len(other_size), total, 0.05), 'image-size', where, what, advice)


def _is_turned(path: str) -> bool:
    """Whether a viewer exchanges width and height of an image, by its EXIF orientation."""
    try:
        with Image.open(path) as image:
            return int(image.getexif().get(_ORIENTATION, 1)) > 4
    except (OSError, ValueError, TypeError):
        return False


def check_overlap(first: ImageFiles, second: ImageFiles, samples: int, where: str) -> list[Finding]:
    """Images that are trained on and tested on: the same file, or a copy under the same name.

    Args:
        first: The training's.
        second: The evaluation's.
        samples: Of files with one name in two folders, compare so many.
        where: 'val' or 'test'.
    """
    both = set(first.paths) & set(second.paths)
    by_name = {Path(path).name: path for path, found in zip(first.paths, first.exist, strict=True) if found}
    twins = [
        (path, by_name[Path(path).name])
        for path, found in zip(second.paths, second.exist, strict=True)
        if found and Path(path).name in by_name and path not in both
    ]
    both.update(path for path, twin in twins[:samples] if filecmp.cmp(path, twin, shallow=False))
    if not both:
        return [Finding('ok', 'overlap', where, 'shares no image with the training')]
    what = f'{len(both)} of {len(set(second.paths))} images are also in the training ({examples(sorted(both))})'
    return [Finding('warning', 'overlap', where, what, 'the figures will be too good')]
