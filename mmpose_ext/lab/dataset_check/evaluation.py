"""The evaluator and the detected boxes of a config against the dataset that is evaluated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .findings import Finding, by_share, examples, percent
from .records import Records

__all__ = ['check_bbox_file', 'check_evaluator', 'check_head_boxes', 'uses_area']


def uses_area(evaluators: Sequence[Mapping[str, Any]]) -> bool:
    """Whether one of the evaluators scales OKS by the annotated area."""
    return any(_name(one) == 'CocoMetric' and one.get('use_area', True) for one in evaluators)


def check_evaluator(
    evaluators: Sequence[Mapping[str, Any]], dataset: Mapping[str, Any], ann_file: str, where: str
) -> list[Finding]:
    """Whether what is evaluated is what is predicted.

    Args:
        evaluators: Configs of the evaluators.
        dataset: Config of the dataset.
        ann_file: Its annotation file, as MMPose opens it.
        where: 'val' or 'test'.
    """
    if not evaluators:
        what = f'{where}_dataloader has a dataset and {where}_evaluator is empty'
        return [Finding('error', 'evaluator', where, what, 'MMEngine wants both or neither')]
    findings = []
    for one in evaluators:
        name = _name(one)
        if name == 'CocoMetric':
            findings += _check_coco_metric(one, dataset, ann_file, where)
        elif name in ('MpiiPCKAccuracy', 'PCKhAccuracy') and not dataset.get('headbox_file'):
            advice = "set headbox_file='<data_root>annotations/mpii_gt_val.mat' in the dataset"
            what = f'{name} divides by the size of the head, and the dataset has no headbox_file'
            findings.append(Finding('error', 'evaluator', where, what, advice))
    if not dataset.get('test_mode', False):
        advice = 'in training mode a person that cannot be loaded is replaced by a random other one'
        findings.append(Finding('warning', 'test-mode', where, 'the dataset has no test_mode=True', advice))
    return findings


def _check_coco_metric(
    evaluator: Mapping[str, Any], dataset: Mapping[str, Any], ann_file: str, where: str
) -> list[Finding]:
    findings = []
    truth = evaluator.get('ann_file')
    if truth is not None and Path(truth).absolute().resolve() != Path(ann_file).absolute().resolve():
        what = f'CocoMetric measures against {truth}, but the people are those of {ann_file}'
        advice = (
            f'name the same file in {where}_evaluator.ann_file and {where}_dataloader.dataset: foreign images stop '
            'the evaluation, missing ones count as not found'
        )
        findings.append(Finding('error', 'evaluator-ann-file', where, what, advice))
    parts = [name for name in ('indices', 'sample_interval') if dataset.get(name) not in (None, 1)]
    if parts and truth is not None:
        what = f'the dataset takes a part of the annotations ({examples(parts)}), CocoMetric all of them'
        findings.append(
            Finding('warning', 'evaluator-part', where, what, 'the AP will be too low: write a smaller file')
        )
    return findings


def check_bbox_file(detections: Any, records: Records, min_score: float, where: str) -> list[Finding]:
    """Detected boxes: keys, images, category, sizes, scores, and how many of the people they cover.

    Args:
        detections: What the json file holds.
        records: The annotations of the same images.
        min_score: The dataset's ``filter_cfg.bbox_score_thr``, or 0.
        where: 'val' or 'test'.
    """
    keys = ('image_id', 'category_id', 'bbox', 'score')
    if not isinstance(detections, list) or not all(isinstance(box, Mapping) for box in detections):
        what = f'the bbox_file holds a {type(detections).__name__}, not a list of dictionaries'
        return [Finding('error', 'bbox-file', where, what, f"each box has {examples(keys, 4)}: COCO's result format")]
    missing = [key for key in keys if any(key not in box for box in detections)]
    if missing or not detections:
        what = f'boxes of the bbox_file lack {examples(missing, 4)}' if missing else 'the bbox_file has no box'
        return [Finding('error', 'bbox-file', where, what, "COCO's result format: one dictionary per box")]
    findings = []
    index = {image: place for place, image in enumerate(records.image_ids)}
    foreign = [box['image_id'] for box in detections if box['image_id'] not in index]
    if foreign:
        what = f'{len(foreign)} of {len(detections)} boxes have an image_id without annotation ({examples(foreign)})'
        findings.append(
            Finding(
                'error', 'bbox-image-ids', where, what, 'MMPose stops with a KeyError: detections of another split?'
            )
        )
    people = [box for box in detections if box['category_id'] == 1]
    if not people:
        kinds = sorted({str(box['category_id']) for box in detections})
        what = f'no box has the category_id 1, they have {examples(kinds)}'
        return [*findings, Finding('error', 'bbox-category', where, what, 'MMPose uses only boxes of category 1')]
    if 1 not in {category.get('id') for category in records.categories}:
        kinds = [str(category.get('id')) for category in records.categories]
        what = f'detected people get the category 1, and the annotations have only {examples(kinds)}'
        findings.append(Finding('error', 'bbox-category', where, what, 'no match is possible: AP = 0 or -1'))
    kept = [box for box in people if box['score'] >= min_score]
    if not kept:
        what = f'no box has a score of {min_score} or more (the highest is {max(box["score"] for box in people):.3f})'
        return [*findings, Finding('error', 'bbox-score', where, what, 'lower filter_cfg.bbox_score_thr')]
    usable = [box for box in kept if box['image_id'] in index]
    return findings + _check_detected(usable, index, records, where)


def _check_detected(
    detections: Sequence[Mapping[str, Any]], index: Mapping[Any, int], records: Records, where: str
) -> list[Finding]:
    """Sizes of detected boxes, and the share of annotated people with a box of IoU > .5."""
    if not detections:
        return []
    boxes = np.array([box['bbox'][:4] for box in detections], float).reshape(-1, 4)
    bad = ~np.isfinite(boxes).all(1) | (boxes[:, 2:] <= 0).any(1)
    findings = []
    if bad.any():
        what = f'{bad.sum()} of {len(boxes)} detected boxes are NaN or have no positive width and height'
        level = 'error' if not np.isfinite(boxes).all() else by_share(bad.sum(), len(boxes), 0.05)
        findings.append(Finding(level, 'bbox-empty', where, what, 'a box is [left, top, width, height]'))
    boxes[:, 2:] += boxes[:, :2]
    image = np.array([index[box['image_id']] for box in detections])
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


def _name(config: Mapping[str, Any]) -> str:
    return str(config.get('type')).rpartition('.')[2]
