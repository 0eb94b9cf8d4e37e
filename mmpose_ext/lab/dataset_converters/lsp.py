"""Leeds Sports Poses and their extended training set, from joints.mat."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmpose_ext.datasets.lsp_dataset import LspDataset
from mmpose_ext.functional import check_choice
from mmpose_ext.lab.matlab import check_numbers, read_variable

from .coco import CocoFile

__all__ = ['convert_lsp']

_PEOPLE = dict(lsp=2_000, lspet=10_000)  # as published
_EVERY = 10  # LSPET's validation people, where nothing else is there to validate on
_ORIENTATION = 0x0112  # EXIF's tag; 5 to 8 exchange width and height
_MARGIN = 1.25  # side of a crop by the longer side of the joints' extent; LSP's own images have about 1.3

Person = tuple[str, Sequence[int], np.ndarray, np.ndarray, Sequence[float]]  # the arguments of CocoFile.add


def convert_lsp(root: str | Path, origin: int = 1, out_dir: str | Path | None = None) -> list[Path]:
    """Write the annotations of LSP, of LSPET or of both, whichever is there, in COCO's format.

    ======================================  ==========================================================================
    ``lsp/joints.mat``, ``lsp/images``      LSP as published: (3, 14, 2000), third row 1 for *occluded*
    ``lspet/joints.mat``, ``lspet/images``  LSPET as published: (14, 3, 10000), third column 1 for *labeled*
    --------------------------------------  --------------------------------------------------------------------------
    ``lsp_train.json``                      the first half of LSP, 1 000 people
    ``lsp_test.json``                       the second half, 1 000 people
    ``lspet_train.json``                    LSPET, 10 000 people
    ``lsp_lspet_train.json``                with both: the first and the third, 11 000 people
    ``lspet_split_train.json``              with LSPET alone: all but every tenth person
    ``lspet_split_val.json``                with LSPET alone: every tenth person, 10, 20, ..., for validation
    ======================================  ==========================================================================

    LSP's occluded joints are labeled (flag 1): the papers train and evaluate on them. LSPET's points without the flag
    mean nothing (they lie at negative places) and get the flag 0.

    The box is the crop: LSP's whole image, which its authors cut to the person, so that testing needs no label; of
    LSPET a square around the labeled joints, 1.25 times their extent, which is about as much as LSP's images show.

    Args:
        root: Folder with ``lsp``, ``lspet`` or both.
        origin: Number of the first pixel in ``joints.mat``, which the authors do not tell; Matlab's is 1. It is
            subtracted.
        out_dir: Folder for the annotations; None for ``annotations`` in ``root``.

    Returns:
        The files written.

    Raises:
        FileNotFoundError: If ``joints.mat`` or an image is missing.
        ValueError: If a Matlab file or an image cannot be read, or the joints are not as above.
    """
    check_choice('origin', origin, (0, 1))
    root = Path(root)
    folder = Path(out_dir) if out_dir is not None else root / 'annotations'
    parts: dict[str, list[Person]] = {}
    extended = (root / 'lspet').is_dir()
    if (root / 'lsp').is_dir() or not extended:
        lsp = list(_lsp(root, origin))
        parts.update(lsp_train=lsp[: len(lsp) // 2], lsp_test=lsp[len(lsp) // 2 :])
    if extended:
        numbered = list(_lspet(root, origin))
        parts['lspet_train'] = [person for _, person in numbered]
        if 'lsp_train' in parts:
            parts['lsp_lspet_train'] = parts['lsp_train'] + parts['lspet_train']
        else:
            parts['lspet_split_train'] = [person for number, person in numbered if number % _EVERY]
            parts['lspet_split_val'] = [person for number, person in numbered if number % _EVERY == 0]
    else:
        print(f"{root / 'lspet'} is not there: LSPET's 10 000 training images are left out", flush=True)
    written = []
    for name, people in parts.items():
        file = CocoFile(LspDataset.METAINFO)
        for person in people:
            file.add(*person)
        written.append(folder / f'{name}.json')
        file.write(written[-1])
    return written


def _lsp(root: Path, origin: int) -> Iterator[Person]:
    joints = _joints(root / 'lsp', '3 14 N', '; (14, 3, N) is the layout of LSPET')
    for number, (x, y, occluded) in enumerate(joints, 1):
        points = np.stack([x, y], 1) - origin
        size = _image_size(root, image := f'lsp/images/im{number:04d}.jpg')
        flags = np.where(np.isfinite(points).all(1), np.where(occluded, 1, 2), 0)
        yield image, size, points, flags, (0, 0, *size)


def _lspet(root: Path, origin: int) -> Iterator[tuple[int, Person]]:
    """People with their number, from 1 on."""
    joints = _joints(root / 'lspet', '14 3 N', '; (3, 14, N) is the layout of LSP')
    for number, (x, y, labeled) in enumerate(joints, 1):
        points = np.stack([x, y], 1) - origin
        flags = np.where(np.isfinite(points).all(1) & (labeled > 0), 2, 0)
        if flags.any():
            size = _image_size(root, image := f'lspet/images/im{number:05d}.jpg')
            yield number, (image, size, points, flags, _square(points[flags > 0], size))
        else:
            print(f'lspet: person {number} has no labeled joint and is left out', flush=True)


def _joints(folder: Path, dims: str, hint: str) -> np.ndarray:
    """x, y and flag of the 14 joints of N people, (N, 3, 14), from an array of the dimensions that the release has."""
    path = folder / 'joints.mat'
    joints = check_numbers('joints', str(path), read_variable(path, 'joints'), dims, hint)
    joints = joints.transpose([dims.split().index(dim) for dim in ('N', '3', '14')])
    wrong = joints[:, 2][~np.isin(joints[:, 2], (0, 1))]
    if len(wrong):
        raise ValueError(f"'joints' of {path} must have 0 and 1 as every third coordinate, got {wrong[0]:g}")
    if len(joints) != _PEOPLE[folder.name]:
        print(f'{path} has {len(joints)} people, and the published one {_PEOPLE[folder.name]}', flush=True)
    return joints


def _square(points: np.ndarray, size: Sequence[int]) -> Sequence[float]:
    """A square around points, [left, top, width, height]; the whole image if they are one."""
    low, high = points.min(0), points.max(0)
    side = _MARGIN * (high - low).max()
    if side <= 0:
        return 0, 0, *size
    left, top = (low + high - side) / 2
    return left, top, side, side


def _image_size(root: Path, image: str) -> tuple[int, int]:
    """Width and height as MMPose's LoadImage finds them, from the header of the file."""
    path = root / image
    if not path.is_file():
        raise FileNotFoundError(f'{path} must be an image, as joints.mat has joints of it, and does not exist')
    try:
        with Image.open(path) as file:
            width, height = file.size
            turned = file.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's answers to what is no image
        raise ValueError(f'{path} must be an image, got a file that cannot be read ({error})') from None
    return (height, width) if turned else (width, height)
