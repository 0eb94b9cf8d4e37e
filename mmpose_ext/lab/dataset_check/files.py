"""Whether the files of a dataset are there and can be read."""

import filecmp
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .findings import Finding, by_share, examples

__all__ = ['Images', 'check_file', 'check_images', 'check_overlap', 'is_remote', 'open_images', 'read_json']

_WHERE_FROM = 'docs/datasets.md says where to get the data and how its folder must look'


@dataclass(frozen=True)
class Images:
    """The images of a dataset: their paths, and which of them are files."""

    paths: Sequence[str]
    exist: np.ndarray


def is_remote(path: str) -> bool:
    """Whether a path belongs to one of MMEngine's storage back ends; such files are not looked at."""
    return '://' in path or path.startswith(('s3:', 'petrel:'))


def check_file(path: str, kind: str, where: str, folder: bool = False) -> list[Finding]:
    """Check that a file or folder exists; if not, say how far the path leads and what is there.

    Args:
        path: The path as MMPose will open it.
        kind: What it is, for the message: 'annotation file'.
        where: 'train', 'val' or 'test'.
        folder: Whether it must be a folder.
    """
    target = Path(path)
    if target.is_dir() if folder else target.is_file():
        return []
    if target.exists():
        what = f'{kind}: {path} is a {"file" if folder else "folder"}'
        return [Finding('error', 'missing-file', where, what, _WHERE_FROM)]
    parent = next((parent for parent in target.absolute().parents if parent.is_dir()), Path('/'))
    inside = sorted(entry.name for entry in parent.iterdir())
    what = f'{kind}: {path} does not exist; {parent} does and holds {examples(inside, 6) or "nothing"}'
    advice = f'{_WHERE_FROM}; for another place set data_root or the environment variable of configs/_base_/datasets'
    return [Finding('error', 'missing-file', where, what, advice)]


def read_json(path: str, kind: str, where: str) -> tuple[Any, list[Finding]]:
    """The content of a json file, or None and what is wrong with it."""
    findings = check_file(path, kind, where)
    if findings:
        return None, findings
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file), []
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        what = f'{kind}: {path} is not json ({error})'
        advice = 'the download or the conversion was cut off? Get or write it again'
        return None, [Finding('error', 'json', where, what, advice)]


def check_images(folder: str, names: Sequence[str], where: str) -> tuple[Images, list[Finding]]:
    """Look for every image by listing the folders, which takes a second also for COCO's 118 000.

    Args:
        folder: The dataset's folder of images.
        names: File names below it, as the annotations have them.
        where: 'train', 'val' or 'test'.
    """
    paths = [Path(folder, name) for name in names]
    listing: dict[Path, set[str]] = {}
    for parent in {path.parent for path in paths}:
        listing[parent] = {entry.name for entry in parent.iterdir()} if parent.is_dir() else set()
    exist = np.array([path.name in listing[path.parent] for path in paths], bool)
    images = Images([str(path) for path in paths], exist)
    if exist.all():
        return images, [Finding('ok', 'images', where, f'all {len(paths)} images are in {folder}')]
    missing = [path for path, found in zip(paths, exist, strict=True) if not found]
    what = f'{len(missing)} of {len(paths)} images are missing, e.g. {missing[0]}'
    return images, [Finding('error', 'images', where, what, _explain_missing(missing[0], listing, len(paths)))]


def _explain_missing(path: Path, listing: dict[Path, set[str]], total: int) -> str:
    there = listing[path.parent]
    if not there:
        return f'the folder {path.parent} is missing or empty: check data_root and data_prefix'
    same = [name for name in there if Path(name).stem.lower() == path.stem.lower()]
    if same:
        return f'there is {same[0]}: the file names of the annotations differ in suffix or case'
    return (
        f'{path.parent} holds {len(there)} entries ({examples(sorted(there))}): check data_prefix against the '
        f'file_name of the annotations, or complete the images ({total} are needed)'
    )


def open_images(
    images: Images, sizes: np.ndarray, samples: int, rng: np.random.Generator, where: str
) -> tuple[np.ndarray, list[Finding]]:
    """Read some of the images as MMPose does, and compare their sizes with the annotations'.

    Args:
        images: Those of the dataset.
        sizes: (M, 2) widths and heights of the annotations, NaN where they tell none.
        samples: How many to read.
        rng: Draws which.
        where: 'train', 'val' or 'test'.

    Returns:
        The sizes, (M, 2), with those found in the files in place of NaN; and the findings.
    """
    sizes = sizes.copy()
    there = np.flatnonzero(images.exist)
    chosen = np.sort(rng.choice(there, min(samples, len(there)), replace=False))
    unreadable, other_size = [], []
    for index in chosen:
        # turns a photo by its EXIF orientation, as MMPose's LoadImage does
        image = cv2.imread(images.paths[index], cv2.IMREAD_COLOR)
        if image is None:
            unreadable.append(images.paths[index])
            continue
        size = image.shape[1::-1]
        if np.isfinite(sizes[index]).all() and tuple(sizes[index]) != size:
            other_size.append((images.paths[index], tuple(int(side) for side in sizes[index]), size))
        sizes[index] = size
    findings = []
    if unreadable:
        what = f'{len(unreadable)} of {len(chosen)} images cannot be read ({examples(unreadable)})'
        findings.append(Finding('error', 'unreadable-image', where, what, 'copy or download them again'))
    if other_size:
        path, told, size = other_size[0]
        what = (
            f'{len(other_size)} of {len(chosen)} images have another size than their annotation says: '
            f'{path} is {size[0]} x {size[1]}, not {told[0]} x {told[1]}'
        )
        advice = 'images were resized after labeling, or turned by their EXIF orientation: boxes and joints are off'
        level = by_share(len(other_size), len(chosen), 0.05)
        findings.append(Finding(level, 'image-size', where, what, advice))
    if not findings:
        findings.append(Finding('ok', 'images', where, f'{len(chosen)} images opened'))
    return sizes, findings


def check_overlap(first: Images, second: Images, samples: int, where: str) -> list[Finding]:
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
