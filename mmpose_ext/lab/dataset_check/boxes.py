"""Boxes and areas of the annotations: what makes crops empty, and an AP 0 or -1."""

import numpy as np

from .findings import Finding, by_share, percent
from .records import Records

__all__ = ['check_areas', 'check_boxes']

_MARGIN = 1.0  # pixels by which a box may exceed its image without a word


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
