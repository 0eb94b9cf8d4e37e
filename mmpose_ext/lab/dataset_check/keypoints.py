"""Joints of the annotations: what makes a training learn nothing."""

from collections.abc import Sequence

import numpy as np

from .findings import Finding, by_share, examples, percent
from .records import Records

__all__ = ['check_keypoints', 'check_visibility']

_PADDING = 1.25  # by which MMPose enlarges a box before it cuts the person out
_MARGIN = 1.0  # pixels by which a label may lie outside without a word


def check_keypoints(records: Records, where: str) -> list[Finding]:
    """Labeled joints: finite, in pixels, in the image, not at the origin, in the box and of the box's extent."""
    labeled, points = records.labeled, records.keypoints
    total = int(labeled.sum())
    if not total:
        return []
    findings = []
    broken = labeled & ~np.isfinite(points).all(-1)
    if broken.any():
        what = f'{broken.sum()} of {total} labeled joints are NaN or infinite'
        findings.append(Finding('error', 'keypoint-nan', where, what, 'give them the visibility 0'))
    origin = labeled & (points == 0).all(-1)
    if origin.any():
        people = (origin | ~labeled).all(1) & labeled.any(1)
        what = f'{origin.sum()} of {total} labeled joints are at (0, 0), all joints of {people.sum()} people'
        level = by_share(origin.sum(), total, 0.05)
        findings.append(Finding(level, 'keypoint-origin', where, what, 'a joint without a label has the visibility 0'))
    usable = labeled & ~broken & ~origin
    if not usable.any():
        return findings
    if np.abs(points[usable]).max() <= 2:
        what = f'no joint exceeds {points[usable].max():.2f}: shares, not pixels?'
        advice = 'multiply x and y by the width and height of the image'
        return [*findings, Finding('error', 'keypoint-units', where, what, advice)]
    return findings + _check_in_image(records, usable, where) + _check_in_box(records, usable, where)


def _check_in_image(records: Records, usable: np.ndarray, where: str) -> list[Finding]:
    limits = np.where(np.isfinite(records.person_sizes), records.person_sizes, np.inf)[:, None]
    outside = usable & ((records.keypoints < -_MARGIN) | (records.keypoints > limits + _MARGIN)).any(-1)
    if not outside.any():
        return []
    what = f'{outside.sum()} of {usable.sum()} labeled joints lie outside their image'
    advice = 'swapped x and y, a resized image, or truncated people, whose joints need the visibility 0'
    return [Finding(by_share(outside.sum(), usable.sum(), 0.05), 'keypoint-outside', where, what, advice)]


def _check_in_box(records: Records, usable: np.ndarray, where: str) -> list[Finding]:
    """Joints outside the enlarged box, which no crop shows, and boxes much smaller than the joints' extent."""
    sides = records.boxes[:, 2:] - records.boxes[:, :2]
    known = np.isfinite(records.boxes).all(1) & (sides > 0).all(1)
    center = (records.boxes[:, 2:] + records.boxes[:, :2]) / 2
    with np.errstate(invalid='ignore'):
        beyond = (np.abs(records.keypoints - center[:, None]) > _PADDING * sides[:, None] / 2 + _MARGIN).any(-1)
    usable = usable & known[:, None]
    count = (beyond & usable).sum()
    findings = []
    advice = 'the crop of such a person does not show its joints: are boxes and joints of the same person?'
    if count > 0.05 * usable.sum():
        what = f'{percent(count, usable.sum())} of the labeled joints lie outside their box enlarged by {_PADDING}'
        findings.append(Finding(by_share(count, usable.sum(), 0.25), 'keypoint-outside-box', where, what, advice))
    points = np.where(usable[..., None], records.keypoints, np.nan)[usable.any(1)]
    extent = np.nanmax(points, 1) - np.nanmin(points, 1)
    small = (sides[usable.any(1)] < 0.5 * extent).any(1)
    if small.sum() > 0.05 * len(small):
        what = f'{small.sum()} of {len(small)} boxes are less than half as wide or high as the extent of their joints'
        findings.append(Finding(by_share(small.sum(), len(small), 0.25), 'box-small', where, what, advice))
    return findings


def check_visibility(records: Records, names: Sequence[str], where: str, by_mmpose: bool = False) -> list[Finding]:
    """Visibilities of 0, 1 and 2; and how many labels each joint lacks.

    A joint is labeled if its visibility is > 0, for the heads of this package. MMPose's own codecs leave out joints
    below .5, and its own losses take a visibility below 0 for a weight.

    Args:
        records: The annotations.
        names: Names of the joints, or empty.
        where: 'train', 'val' or 'test'.
        by_mmpose: Whether the config's head is one of MMPose's own.
    """
    visible = records.visible
    if not visible.size:
        return []
    findings = _check_values(visible, where, by_mmpose)
    people = ~records.crowd & records.labeled.any(1)  # the others are not trained on
    unlabeled = 1 - records.labeled[people].mean(0) if people.any() else np.ones(visible.shape[1])
    names = names if len(names) == len(unlabeled) else [str(joint) for joint in range(len(unlabeled))]
    if (unlabeled == 1).all():
        what = f'no joint of any of the {len(people)} people is labeled: every visibility is 0'
        return [*findings, Finding('error', 'unlabeled', where, what, 'the loss is 0 and the AP -1')]
    never = [name for name, share in zip(names, unlabeled, strict=True) if share == 1]
    if never:
        what = f'joints that are never labeled: {examples(never, 20)}'
        findings.append(Finding('warning', 'never-labeled', where, what, 'the network cannot learn them'))
    order = np.argsort(-unlabeled, kind='stable')
    shares = ', '.join(f'{names[joint]} {100 * unlabeled[joint]:.0f}%' for joint in order)
    mean = percent(unlabeled.sum(), len(unlabeled))
    what = f'joints without a label, of {people.sum()} people with any: {mean} ({shares})'
    return [*findings, Finding('info', 'unlabeled', where, what)]


def _check_values(visible: np.ndarray, where: str, by_mmpose: bool) -> list[Finding]:
    """Visibilities (N, K) other than 0, 1 and 2, and what the heads make of them."""
    unknown = ~np.isfinite(visible)
    kinds = (
        ('error', unknown, 'NaN or infinite', 'they are not labeled for the heads; write 0'),
        (
            'error' if by_mmpose else 'warning',
            ~unknown & (visible < 0),
            'below 0',
            'such a joint is not labeled' + (", and MMPose's own losses take it for a weight: write 0" * by_mmpose),
        ),
        ('error', ~unknown & ~np.isin(visible, (0, 1, 2)) & (visible > 1), 'not 0, 1 or 2', 'correct the conversion'),
        (
            'info',  # confidences, as COCO-WholeBody has them for hands
            (visible > 0) & (visible < 1),
            'between 0 and 1',
            "MMPose's own codecs ignore joints below .5" if by_mmpose else 'such a joint is labeled',
        ),
    )
    findings = []
    for level, odd, kind, advice in kinds:
        if odd.any():
            values = examples(f'{value:g}' for value in np.unique(visible[odd]))
            what = f'{odd.sum()} of {visible.size} visibilities are {kind} ({values})'
            findings.append(Finding(level, 'visibility', where, what, advice))
    return findings
