"""Frames Labeled in Cinema, from examples.mat."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from mmpose_ext.datasets.crop_box_dataset import swap_sides
from mmpose_ext.datasets.flic_dataset import FlicDataset
from mmpose_ext.functional import check_choice, check_positive
from mmpose_ext.lab.matlab import check_numbers, read_variable

from .coco import CocoFile

__all__ = ['convert_flic']

_LABELS = ('person', 'observer')
_FIELDS = ('coords', 'filepath', 'imgdims', 'torsobox', 'istrain', 'istest')
# of the 29 columns those with labels, in the order of FlicDataset's joints
_COLUMNS = (0, 1, 2, 3, 4, 5, 6, 9, 12, 13, 16)


def convert_flic(root: str | Path, origin: int = 1, crop_side: float = 440) -> list[Path]:
    """Write FLIC's annotations in COCO's format, person-centric as released and observer-centric.

    ============================================  ====================================================================
    ``examples.mat``, ``images``                  the release
    ``annotations/flic_person_train.json``        3 987 people; left is the person's left
    ``annotations/flic_person_test.json``         1 016 people, likewise
    ``annotations/flic_observer_train.json``      left and right exchanged, all of a person or none, where the left
                                                  shoulder is on the left of the image
    ``annotations/flic_observer_test.json``       likewise
    ============================================  ====================================================================

    The observer-centric labels are those of Newell's annotations, which were derived by the same rule, and by which the
    hourglass paper and those before it measure.

    The box is the hourglass paper's crop, which is centerd on the torso's box in x and neither moved in y nor scaled by
    the person: in Newell's annotations a square of 2.2 x 200 pixels for everybody, halfway up the image.

    Args:
        root: Folder with ``examples.mat``.
        origin: Number of the first pixel in ``examples.mat``, which the authors do not tell; Matlab's is 1. It is
            subtracted.
        crop_side: Side of the crop in pixels.

    Returns:
        The files written.

    Raises:
        FileNotFoundError: If ``examples.mat`` is missing.
        ValueError: If it cannot be read or is not as it should be.
    """
    check_choice('origin', origin, (0, 1))
    check_positive('crop_side', crop_side)
    path = Path(root) / 'examples.mat'
    files = {(labels, split): CocoFile(FlicDataset.METAINFO) for labels in _LABELS for split in ('train', 'test')}
    for number, example in enumerate(_examples(path), 1):
        where = f'example {number} of {path}'
        split = 'train' if example['istrain'] else 'test'
        if not (example['istrain'] or example['istest']):
            continue
        points = check_numbers('coords', where, example['coords'], '2 29')[:, _COLUMNS].T - origin
        height, width, _ = check_numbers('imgdims', where, example['imgdims'], '3')
        box = _crop(check_numbers('torsobox', where, example['torsobox'], '4'), height, crop_side, where)
        flags = np.where(np.isfinite(points).all(1), 2, 0)
        for labels, order in dict(person=np.arange(len(points)), observer=_observed(points)).items():
            person = (points[order], flags[order], (*(box[:2] - origin), *box[2:]))
            files[labels, split].add(f'images/{example["filepath"]}', (width, height), *person)
    written = [Path(root) / 'annotations' / f'flic_{labels}_{split}.json' for labels, split in files]
    for file, out in zip(files.values(), written, strict=True):
        file.write(out)
    return written


def _examples(path: Path) -> Iterator[Mapping[str, object]]:
    """The structs of the file, one for each person."""
    examples = read_variable(path, 'examples')
    entries = [examples] if isinstance(examples, Mapping) or not isinstance(examples, Iterable) else examples
    for number, example in enumerate(entries, 1):
        where = f'example {number} of {path}'
        if not isinstance(example, Mapping):
            kind = type(example).__name__
            raise ValueError(f'{where} must be a struct with the fields {", ".join(_FIELDS)}, got {kind}')
        _check_fields(example, where)
        yield example


def _check_fields(example: Mapping[str, object], where: str) -> None:
    if set(_FIELDS) - set(example):
        raise ValueError(f'{where} must be a struct with the fields {", ".join(_FIELDS)}, got {list(example)}')
    if not (isinstance(example['filepath'], str) and example['filepath']):
        raise ValueError(f"'filepath' of {where} must be a text, got {example['filepath']!r}")


def _crop(torso: np.ndarray, height: float, side: float, where: str) -> np.ndarray:
    """[left, top, width, height] of the crop for a torso's [left, top, right, bottom], as the file counts pixels."""
    if not (np.isfinite(torso).all() and torso[0] < torso[2]):
        raise ValueError(f"'torsobox' of {where} must be left, top, right and bottom, got {torso.tolist()}")
    return np.array([(torso[0] + torso[2] - side) / 2, (height - side) / 2, side, side])


def _observed(points: np.ndarray) -> np.ndarray:
    """The order of the joints (K,) in which left and right are the observer's."""
    names = [joint['name'] for joint in FlicDataset.METAINFO['keypoint_info'].values()]
    left, right = (points[names.index(f'{side}_shoulder'), 0] for side in ('left', 'right'))
    return np.array([names.index(swap_sides(name) if left < right else name) for name in names])
