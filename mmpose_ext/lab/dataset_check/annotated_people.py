"""Which people are used: those that MMPose drops, and those that are annotated twice."""

import numpy as np

from .findings import Finding, by_share
from .records import Records

__all__ = ['check_duplicates', 'check_filter']

_SAME = 1.0  # pixels by which two copies of a joint or of a box may differ
_FEW = 3  # joints; people with fewer are copies only if their boxes are, too


def check_filter(records: Records, where: str) -> list[Finding]:
    """How many people are left when MMPose has dropped groups, people without joints and empty boxes."""
    sides = records.boxes[:, 2:] - records.boxes[:, :2]
    with np.errstate(invalid='ignore'):
        reasons = {
            'marked as a group (iscrowd)': records.crowd,
            'num_keypoints = 0': records.num_keypoints == 0,
            'an empty box': (sides <= 0).any(1),
            'no joint right or below of (0, 0)': ~(records.keypoints > 0).any((1, 2)),
        }
    dropped = np.zeros(len(records.boxes), bool)
    parts = []
    for name, marks in reasons.items():
        count = (marks & ~dropped).sum()
        dropped |= marks
        if count:
            parts.append(f'{count} {name}')
    kept, total = int((~dropped).sum()), len(dropped)
    why = f' (dropped: {", ".join(parts)})' if parts else ''
    if not kept:
        return [Finding('error', 'no-person', where, f'none of {total} people is left to MMPose{why}')]
    findings = [Finding('info', 'people', where, f'{kept} of {total} people are used{why}')]
    stored = records.num_keypoints
    counted = records.labeled.sum(1)
    wrong = (stored >= 0) & ((stored == 0) != (counted == 0)) & ~records.crowd
    if wrong.any():
        what = f"'num_keypoints' of {wrong.sum()} of {total} people contradicts their visibilities"
        advice = 'MMPose drops people with num_keypoints = 0 from training'
        findings.append(Finding(by_share(wrong.sum(), total, 0.05), 'num-keypoints', where, what, advice))
    return findings


def check_duplicates(records: Records, where: str) -> list[Finding]:
    """People who are annotated twice: in the same image, with the same labeled joints in the same places.

    Args:
        records: The annotations.
        where: 'train', 'val' or 'test'.
    """
    people = np.flatnonzero(records.labeled.any(1) & ~records.crowd & np.isfinite(records.boxes).all(1))
    copies = _copies(records, people)
    if not copies:
        return []
    first, second = copies[0]
    ids = [records.image_ids[records.image[person]] for person in (first, second)]
    what = (
        f'{len(copies)} of {len(people)} people are annotated twice: the same joints in the same image '
        f'({records.file_names[records.image[first]]}, id {ids[0]})'
    )
    if where == 'train':
        level = by_share(len(copies), len(people), 0.5)
        return [Finding(level, 'people-twice', where, what, 'they count double in the loss: remove the copies')]
    advice = 'one prediction can match one of them, the other counts as missed: remove the copies'
    return [Finding(by_share(len(copies), len(people), 0.05), 'people-twice', where, what, advice)]


def _copies(records: Records, people: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (original, copy) of people of one image; each copy once."""
    labeled = records.labeled[people]
    points = np.where(labeled[..., None] & np.isfinite(records.keypoints[people]), records.keypoints[people], 0)
    # an image may be listed twice, under two identities
    files = {name: number for number, name in enumerate(dict.fromkeys(records.file_names))}
    image = np.array([files[name] for name in records.file_names], int)[records.image[people]]
    # copies are neighbors when people are sorted by image, number of joints and the mean of the joints
    count = labeled.sum(1)
    mean = points.sum(1) / np.maximum(count, 1)[:, None]
    order = np.lexsort((mean[:, 1], np.round(mean[:, 0]), count, image))
    copies: dict[int, int] = {}
    for distance in (1, 2, 3):
        one, other = order[:-distance], order[distance:]
        same = (image[one] == image[other]) & (labeled[one] == labeled[other]).all(1)
        same &= (np.abs(points[one] - points[other]) <= _SAME).all((1, 2))
        boxes = records.boxes[people]
        same &= (count[one] >= _FEW) | (np.abs(boxes[one] - boxes[other]) <= _SAME).all(1)
        for a, b in zip(one[same].tolist(), other[same].tolist(), strict=True):
            copies.setdefault(max(a, b), min(a, b))
    return [(int(people[original]), int(people[copy])) for copy, original in sorted(copies.items())]
