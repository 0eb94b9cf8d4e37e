"""Detected boxes and boxes of heads against the annotations of the same people."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from .coco_file import check_values, is_number, is_vector
from .findings import Finding, by_share, examples, percent
from .identifiers import as_key, check_ids
from .records import Records

__all__ = ['check_bbox_file', 'check_head_boxes']

_KEYS = ('image_id', 'category_id', 'bbox', 'score')
Boxes = Sequence[Mapping[str, object]]


def check_bbox_file(content: object, records: Records, min_score: float, where: str) -> list[Finding]:
    """Detected boxes: keys, images, category, sizes, scores, and how many of the people they cover.

    Args:
        content: What the JSON file holds.
        records: The annotations of the same images.
        min_score: The dataset's ``filter_cfg.bbox_score_thr``, or 0.
        where: 'val' or 'test'.
    """
    findings = _check_keys(content, where)
    if findings or not isinstance(content, list):
        return findings
    findings = check_ids([box['image_id'] for box in content], "'image_id' of the bbox_file", where)
    index = {image: place for place, image in enumerate(records.image_ids)}
    foreign = [box['image_id'] for box in content if as_key(box['image_id']) not in index]
    if foreign:
        what = f'{len(foreign)} of {len(content)} boxes have an image_id without annotation ({examples(foreign)})'
        advice = 'MMPose stops with a KeyError: detections of another split?'
        findings.append(Finding('error', 'bbox-image-ids', where, what, advice))
    people = [box for box in content if box['category_id'] == 1]
    if not people:
        kinds = sorted({str(box['category_id']) for box in content})
        what = f'no box has the category_id 1, they have {examples(kinds)}'
        return [*findings, Finding('error', 'bbox-category', where, what, 'MMPose uses only boxes of category 1')]
    findings += _check_categories(records, where)
    scored = [(box, score) for box in people if isinstance(score := box['score'], int | float)]
    kept = [box for box, score in scored if score >= min_score]
    if not kept:
        highest = max((score for _, score in scored), default=float('nan'))
        what = f'no box has a score of {min_score} or more (the highest is {highest:.3f})'
        return [*findings, Finding('error', 'bbox-score', where, what, 'lower filter_cfg.bbox_score_thr')]
    usable = [box for box in kept if as_key(box['image_id']) in index and is_vector(box['bbox'])]
    return findings + _check_detected(usable, index, records, where)


def _check_keys(content: object, where: str) -> list[Finding]:
    """Whether a file is a list of boxes with numbers where numbers belong."""
    advice = f"each box has {examples(_KEYS, 4)}: COCO's result format"
    if not isinstance(content, list) or not all(isinstance(box, Mapping) for box in content):
        what = f'the bbox_file holds a {type(content).__name__}, not a list of dictionaries'
        return [Finding('error', 'bbox-file', where, what, advice)]
    missing = [key for key in _KEYS if any(key not in box for box in content)]
    if missing or not content:
        what = f'boxes of the bbox_file lack {examples(missing, 4)}' if missing else 'the bbox_file has no box'
        return [Finding('error', 'bbox-file', where, what, advice)]
    problems = [
        *check_values(content, 'score', 'detected boxes', 'error', 'a number', is_number, where),
        *check_values(content, 'bbox', 'detected boxes', 'error', 'a list of 4 numbers', _is_box, where),
    ]
    return [Finding('error', 'bbox-file', where, problem.what, advice) for problem in problems]


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) >= 4 and is_vector(value[:4])  # MMPose takes the first four


def _check_categories(records: Records, where: str) -> list[Finding]:
    """Whether annotated people have the category 1, which MMPose gives to every detected person."""
    names = records.categories or {}
    others = [category for category in records.category_ids if category != 1]
    if not others:
        return []
    text = examples(f'{one} ({names[one]})' if one in names else str(one) for one in dict.fromkeys(others))
    advice = 'evaluate with the annotated boxes, or give everybody the category 1'
    if 1 not in names:
        what = f'detected people get the category 1, and the annotations have only the categories {text}'
        return [Finding('error', 'bbox-category', where, what, f'no match is possible: AP = 0 or -1; {advice}')]
    what = (
        f'{len(others)} of {len(records.category_ids)} annotations are of other categories than 1: {text}; '
        'detections get the category 1 and cannot match them'
    )
    return [Finding(by_share(len(others), len(records.category_ids), 0.05), 'bbox-category', where, what, advice)]


def _check_detected(detections: Boxes, index: Mapping[Hashable, int], records: Records, where: str) -> list[Finding]:
    """Sizes of detected boxes, and the share of annotated people with a box of IoU > .5."""
    if not detections:
        return []
    boxes = np.array([np.array(box['bbox'], float)[:4] for box in detections]).reshape(-1, 4)
    bad = ~np.isfinite(boxes).all(1) | (boxes[:, 2:] <= 0).any(1)
    findings = []
    if bad.any():
        what = f'{bad.sum()} of {len(boxes)} detected boxes are NaN or have no positive width and height'
        level = 'error' if not np.isfinite(boxes).all() else by_share(bad.sum(), len(boxes), 0.05)
        findings.append(Finding(level, 'bbox-empty', where, what, 'a box is [left, top, width, height]'))
    boxes[:, 2:] += boxes[:, :2]
    image = np.array([index[as_key(box['image_id'])] for box in detections])
    found, total = 0, 0
    for place in np.unique(records.image):
        wanted = (records.image == place) & records.labeled.any(1) & ~records.crowd
        total += int(wanted.sum())
        overlap = _iou(records.boxes[wanted], boxes[(image == place) & ~bad])
        found += int((overlap.max(1, initial=0) > 0.5).sum())
    text = f'{len(detections)} boxes; {percent(found, total)} of {total} people have one of IoU > .5'
    if total and found < 0.5 * total:
        advice = 'the others cannot be found; are boxes [left, top, width, height] and of these images?'
        return [*findings, Finding('warning', 'bbox-recall', where, text, advice)]
    return [*findings, Finding('info', 'bbox-recall', where, text)]


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4), left, top, right, bottom."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(opposite - corner, 0, None), -1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], -1) for boxes in (first, second)]
    return common / np.maximum(areas[0][:, None] + areas[1] - common, 1e-9)


def check_head_boxes(head_boxes: np.ndarray, people: int, where: str) -> list[Finding]:
    """MPII's boxes of heads (2, 2, N), corner, axis, person: as many as people, of a positive size."""
    if head_boxes.ndim != 3 or head_boxes.shape[2] != people:
        what = f"'headboxes_src' of the headbox_file must have shape (2, 2, {people}), got {head_boxes.shape}"
        return [
            Finding('error', 'head-boxes', where, what, 'the file of another split? PCKh would divide by foreign heads')
        ]
    sizes = np.linalg.norm(head_boxes[1].astype(float) - head_boxes[0], axis=0)
    if not (sizes > 0).all():
        what = f'{(~(sizes > 0)).sum()} of {people} heads have no size'
        return [Finding('error', 'head-boxes', where, what, 'PCKh divides by it')]
    return [Finding('ok', 'head-boxes', where, f'{people} boxes of heads')]
