"""People as the pipeline hands them to the network, and whether their joints are in the crop."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmpose.structures import PoseDataSample
from mmpose.utils.typing import ConfigType

from .findings import Finding, describe_error, percent
from .pipeline import type_name
from .records import is_labeled

__all__ = ['ADVICE_EMPTY', 'Item', 'check_crops', 'draw_samples', 'joints_of', 'pack_joints']


#: Where to look when a dataset is empty after filtering.
ADVICE_EMPTY = 'see num_keypoints, iscrowd, boxes, bbox_score_thr, sample_interval'


class Item(TypedDict):
    """What a pipeline that ends with PackPoseInputs returns for a person: (3, h, w) and the sample."""

    inputs: torch.Tensor
    data_samples: PoseDataSample


def pack_joints(config: ConfigType, phase: str) -> None:
    """Let the pipelines of a loader's dataset pack the transformed joints, also inside of what wraps it; in place.

    In training, only a pipeline that draws targets itself may leave them out: the others are checked as they are.

    Args:
        config: Of the dataset.
        phase: 'train', 'val' or 'test'.
    """
    steps = config.get('pipeline') or ()
    drawn = any(type_name(step) == 'GenerateTarget' for step in steps)
    for step in steps:
        if type_name(step) == 'PackPoseInputs' and (phase != 'train' or drawn):
            step['pack_transformed'] = True
    for inner in [*(config.get('datasets') or ()), config.get('dataset')]:
        if isinstance(inner, dict):
            pack_joints(inner, phase)


def draw_samples(
    dataset: BaseDataset, count: int, rng: np.random.Generator, where: str
) -> tuple[list[Item], list[Finding]]:
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
        return [], [Finding('error', 'no-person', where, what, ADVICE_EMPTY)]
    items: list[Item] = []
    failures = Counter[str]()
    chosen = np.sort(rng.choice(total, min(count, total), replace=False))
    for index in chosen.tolist():
        try:
            if not _has_image(dataset, index):
                continue  # reported with the files
            # without MMEngine's second try with another person, where the dataset has it
            item = _reader(dataset)(index)
        except (Exception, SystemExit) as error:  # whatever a transform raises is what the training would stop with
            failures[describe_error(error)] += 1
            continue
        if not isinstance(item, dict) or not {'inputs', 'data_samples'} <= item.keys():
            failures['what it returns are not the inputs and data_samples of PackPoseInputs'] += 1
        else:
            items.append(Item(inputs=item['inputs'], data_samples=item['data_samples']))
    findings = []
    for text, number in failures.most_common(3):
        what = f'{number} of {len(chosen)} people do not pass the pipeline: {text}'
        findings.append(Finding('error', 'pipeline-run', where, what))
    if not failures and items:
        findings.append(Finding('ok', 'pipeline-run', where, f'{len(items)} of {total} people passed the pipeline'))
    return items, findings


def _reader(dataset: BaseDataset) -> Callable[[int], object]:
    """A person by number, without MMEngine's second try with another person where the dataset has one."""
    if isinstance(dataset, ConcatDataset | RepeatDataset):
        read: Callable[[int], object] = dataset.__getitem__
        return read
    prepare: Callable[[int], object] = dataset.prepare_data if isinstance(dataset, BaseDataset) else dataset.__getitem__
    return prepare


def _has_image(dataset: BaseDataset, index: int) -> bool:
    """Whether the image of a person is there; of datasets that others wrap, the pipeline tells."""
    if not isinstance(dataset, BaseDataset) or isinstance(dataset, ConcatDataset) or 'datasets' in vars(dataset):
        return True
    path = dataset.get_data_info(index).get('img_path')
    return not isinstance(path, str) or '://' in path or Path(path).is_file()


def joints_of(items: Sequence[Item]) -> tuple[np.ndarray, np.ndarray] | None:
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
    return np.stack(keypoints).astype(np.float32), is_labeled(np.stack(visible))


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
