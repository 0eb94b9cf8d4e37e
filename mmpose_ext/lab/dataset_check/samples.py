"""People as the pipeline hands them to the network, and whether their joints are in the crop."""

import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .findings import Finding, percent

__all__ = ['check_crops', 'describe_error', 'draw_samples', 'joints_of']


def describe_error(error: BaseException) -> str:
    """An exception in one line, its kind first; one that says nothing by the line of code that raised it."""
    text = ' '.join(str(error).split())
    if not text and error.__traceback__ is not None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f'{place.line} ({Path(place.filename).name}, line {place.lineno})'
    return f'{type(error).__name__}: {text[:300]}'


def draw_samples(
    dataset: Any, count: int, rng: np.random.Generator, where: str
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Run some people of a dataset through its pipeline.

    Args:
        dataset: A built dataset.
        count: How many to draw.
        rng: Draws which.
        where: 'train', 'val' or 'test'.

    Returns:
        What the pipeline returned, without the people that failed; and the findings.
    """
    total = len(dataset)
    if not total:
        what = 'the dataset is empty after filtering'
        return [], [Finding('error', 'no-person', where, what, 'see num_keypoints, iscrowd, boxes, bbox_score_thr')]
    items: list[dict[str, Any]] = []
    failures = Counter[str]()
    chosen = np.sort(rng.choice(total, min(count, total), replace=False))
    for index in chosen.tolist():
        try:
            if not _has_image(dataset, index):
                continue  # reported with the files
            # without MMEngine's second try with another person, where the dataset has it
            item = getattr(dataset, 'prepare_data', dataset.__getitem__)(index)
        except Exception as error:  # whatever a transform raises is what the training would stop with
            failures[describe_error(error)] += 1
            continue
        if not isinstance(item, dict) or not {'inputs', 'data_samples'} <= item.keys():
            failures['what it returns are not the inputs and data_samples of PackPoseInputs'] += 1
        else:
            items.append(item)
    findings = []
    for text, number in failures.most_common(3):
        what = f'{number} of {len(chosen)} people do not pass the pipeline: {text}'
        findings.append(Finding('error', 'pipeline-run', where, what))
    if not failures and items:
        findings.append(Finding('ok', 'pipeline-run', where, f'{len(items)} of {total} people passed the pipeline'))
    return items, findings


def _has_image(dataset: Any, index: int) -> bool:
    if hasattr(dataset, 'datasets') or hasattr(dataset, 'dataset'):  # wrappers run pipelines to tell
        return True
    path = dataset.get_data_info(index).get('img_path')
    return not isinstance(path, str) or '://' in path or Path(path).is_file()


def joints_of(items: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray] | None:
    """Joints (B, K, 2) in input pixels and labels (B, K) bool of samples of one person; None if they have none."""
    keypoints, visible = [], []
    for item in items:
        instances = item['data_samples'].gt_instances
        if 'transformed_keypoints' not in instances:
            return None
        points, flags = np.asarray(instances.transformed_keypoints), np.asarray(instances.keypoints_visible)
        if points.ndim != 3 or len(points) != 1:
            return None
        keypoints.append(points[0, :, :2])
        visible.append(flags[0, ..., 0] if flags.ndim == 3 else flags[0])
    if not keypoints:
        return None
    return np.stack(keypoints).astype(np.float32), np.stack(visible) > 0


def check_crops(keypoints: np.ndarray, labeled: np.ndarray, size: Sequence[int], where: str) -> list[Finding]:
    """How many of the labeled joints lie outside the crop, where no target can be drawn.

    Args:
        keypoints: (B, K, 2) in input pixels.
        labeled: (B, K) bool.
        size: (w, h) of the input in pixels.
        where: 'train', 'val' or 'test'.
    """
    total = int(labeled.sum())
    if not total:
        what = f'none of the joints of {len(labeled)} people is labeled after the pipeline'
        return [Finding('error', 'no-label', where, what, 'the loss is 0')]
    if not np.isfinite(keypoints[labeled]).all():
        return [Finding('error', 'keypoint-nan', where, 'labeled joints are NaN after the pipeline')]
    outside = labeled & ((keypoints < 0) | (keypoints > np.array(size) - 1)).any(-1)
    count = int(outside.sum())
    what = f'{percent(count, total)} of {total} labeled joints of {len(labeled)} people lie outside the crop'
    if count > 0.25 * total:
        advice = 'look at tools/misc/browse_dataset.py: wrong boxes, or too much shift, scale and rotation?'
        return [Finding('error' if count > 0.75 * total else 'warning', 'crop', where, what, advice)]
    return [Finding('info', 'crop', where, what)]
