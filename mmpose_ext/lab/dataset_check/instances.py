"""Boxes, joints and areas of the annotations: what makes a training learn nothing and an AP 0 or -1."""

from collections.abc import Sequence

import numpy as np

from .findings import Finding, by_share, examples, percent
from .records import Records

__all__ = ['check_areas', 'check_boxes', 'check_filter', 'check_keypoints', 'check_visibility']

_PADDING = 1.25  # by which MMPose enlarges a box before it cuts the person out
_MARGIN = 1.0  # pixels that a label may lie outside and nobody minds


def check_boxes(records: Records, where: str, may_exceed: bool = False) -> list[Finding]:
    """Boxes of the people: finite, of a positive size, in the image, in pixels, [left, top, width, height].

    Args:
        records: The annotations.
        where: 'train', 'val' or 'test'.
        may_exceed: Whether boxes may reach beyond their image, as squares around a person do.
    """
    boxes, total = records.boxes, len(records.boxes)
    finite = np.isfinite(boxes).all(1)
    findings = []
    if not finite.all():
        what = f'{(~finite).sum()} of {total} boxes hold NaN or infinity'
        findings.append(Finding('error', 'box-nan', where, what, 'the crop of such a person is undefined'))
    sides = boxes[:, 2:] - boxes[:, :2]
    empty = finite & (sides <= 0).any(1)
    if empty.any():
        level = by_share(empty.sum(), total, 0.05)
        what = f'{empty.sum()} of {total} boxes have no positive width and height'
        findings.append(Finding(level, 'box-empty', where, what, 'MMPose drops these people and says nothing'))
    usable = finite & ~empty & np.isfinite(records.person_sizes).all(1)
    return findings + _check_box_places(boxes[usable], records.person_sizes[usable], where, may_exceed)


def _check_box_places(boxes: np.ndarray, images: np.ndarray, where: str, may_exceed: bool) -> list[Finding]:
    """Boxes (N, 4) against the sizes (N, 2) of their images."""
    total = len(boxes)
    if not total:
        return []
    if boxes.max() <= 2:
        advice = 'multiply them by the width and height of the image'
        return [Finding('error', 'box-units', where, f'no box exceeds {boxes.max():.2f}: shares, not pixels?', advice)]
    beyond = (boxes[:, :2] < -_MARGIN).any(1) | (boxes[:, 2:] > images + _MARGIN).any(1)
    # what was read as width and height, taken as the right lower corner instead
    corner = boxes[:, 2:] - boxes[:, :2]
    as_corners = (corner > boxes[:, :2]).all(1) & (corner <= images + _MARGIN).all(1)
    if not may_exceed and beyond.mean() > 0.25 and as_corners.mean() > 0.95:
        what = (
            f'as [left, top, width, height] {percent(beyond.sum(), total)} of the boxes reach beyond their image, '
            'as [left, top, right, bottom] they fit'
        )
        return [Finding('error', 'box-format', where, what, 'COCO wants width and height: subtract left and top')]
    outside = (boxes[:, 2:] <= 0).any(1) | (boxes[:, :2] >= images).any(1)
    findings = []
    if outside.any():
        what = f'{outside.sum()} of {total} boxes lie wholly outside their image'
        advice = 'is the annotation of another image, or of one that was resized?'
        findings.append(Finding(by_share(outside.sum(), total, 0.05), 'box-outside', where, what, advice))
    partly = int((beyond & ~outside).sum())
    if partly and not may_exceed:
        what = f'{partly} of {total} boxes reach beyond their image by more than a pixel; MMPose cuts them off'
        findings.append(Finding('warning' if partly > 0.05 * total else 'info', 'box-beyond', where, what))
    return findings


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


def check_visibility(records: Records, names: Sequence[str], where: str) -> list[Finding]:
    """Flags of 0, 1 and 2; and how many labels each joint lacks.

    Args:
        records: The annotations.
        names: Names of the joints, or empty.
        where: 'train', 'val' or 'test'.
    """
    visible, findings = records.visible, []
    if not visible.size:
        return []
    odd = ~np.isin(visible, (0, 1, 2))
    if odd.any():
        values = np.unique(visible[odd])
        what = f'{odd.sum()} of {visible.size} visibilities are not 0, 1 or 2 ({examples(f"{v:g}" for v in values)})'
        fraction = bool(((values > 0) & (values < 1)).all())
        advice = 'MMPose takes them as weights; below .5 a joint is ignored' if fraction else 'correct the conversion'
        findings.append(Finding('warning' if fraction else 'error', 'visibility', where, what, advice))
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


def check_areas(records: Records, where: str, used: bool) -> list[Finding]:
    """Areas of the people, by which the evaluation scales its tolerance.

    Args:
        records: The annotations of COCO's format.
        where: 'val' or 'test'.
        used: Whether the evaluation takes them: CocoMetric with ``use_area=True``.
    """
    people = records.labeled.any(1) & ~records.crowd
    areas, total = records.areas[people], int(people.sum())
    if not used or not total:
        return []
    findings = []
    unknown = np.isnan(areas)
    if unknown.any():
        what = f"{unknown.sum()} of {total} people have no 'area'"
        advice = "CocoMetric stops with KeyError: 'area'; write the box's area x .53, or set use_area=False"
        findings.append(Finding('error', 'area-missing', where, what, advice))
    zero = areas <= 0
    if zero.any():
        what = f'{zero.sum()} of {total} people have an area of 0 or less'
        advice = 'no prediction can match them: AP = 0; write the area in square pixels, or set use_area=False'
        findings.append(Finding(by_share(zero.sum(), total, 0.05), 'area-zero', where, what, advice))
    boxes = np.prod(records.boxes[people, 2:] - records.boxes[people, :2], axis=1)
    wrong = (areas > 0) & (boxes > 0) & ((areas > 1.1 * boxes) | (areas < 0.01 * boxes))
    if wrong.sum() > 0.05 * total:
        what = f'{percent(wrong.sum(), total)} of the areas are larger than the box or below a hundredth of it'
        advice = 'the evaluation is as many times too mild or too strict: areas are in square pixels'
        findings.append(Finding(by_share(wrong.sum(), total, 0.5), 'area-box', where, what, advice))
    for kind, name, low, high, until in (
        ('medium', 'M', 32**2, 96**2, f', up to {96**2}'),
        ('large', 'L', 96**2, np.inf, ''),
    ):
        if not ((areas >= low) & (areas <= high)).any() and not (zero | unknown).all():
            what = f'no person is {kind}: {low} square pixels and more{until}'
            findings.append(Finding('info', 'area-range', where, what, f'AP ({name}) and AR ({name}) will be -1'))
    return findings


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
