"""People as the pipeline hands them to the network: joints in the crop, and what the codec makes of them."""

import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmpose_ext.registry import KEYPOINT_CODECS

from .findings import Finding, percent

__all__ = ['build_codec', 'check_codec', 'check_crops', 'describe_error', 'draw_samples', 'encode_decode', 'joints_of']

_BORDER = 3  # cells from the map's border within which a decoder cannot refine


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
    """Run some people of a data set through its pipeline.

    Args:
        dataset: A built data set.
        count: How many to draw.
        rng: Draws which.
        where: 'train', 'val' or 'test'.

    Returns:
        What the pipeline returned, without the people that failed; and the findings.
    """
    total = len(dataset)
    if not total:
        what = 'the data set is empty after filtering'
        return [], [Finding('error', 'no-person', where, what, 'see num_keypoints, iscrowd, boxes, bbox_score_thr')]
    items: list[dict[str, Any]] = []
    failures = Counter[str]()
    chosen = np.sort(rng.choice(total, min(count, total), replace=False))
    for index in chosen.tolist():
        try:
            if not _has_picture(dataset, index):
                continue  # reported with the files
            # without MMEngine's second try with another person, where the data set has it
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


def _has_picture(dataset: Any, index: int) -> bool:
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


def check_crops(keypoints: np.ndarray, labelled: np.ndarray, size: Sequence[int], where: str) -> list[Finding]:
    """How many of the labelled joints lie outside the crop, where no target can be drawn.

    Args:
        keypoints: (B, K, 2) in input pixels.
        labelled: (B, K) bool.
        size: (w, h) of the input in pixels.
        where: 'train', 'val' or 'test'.
    """
    total = int(labelled.sum())
    if not total:
        what = f'none of the joints of {len(labelled)} people is labelled after the pipeline'
        return [Finding('error', 'no-label', where, what, 'the loss is 0')]
    if not np.isfinite(keypoints[labelled]).all():
        return [Finding('error', 'keypoint-nan', where, 'labelled joints are NaN after the pipeline')]
    outside = labelled & ((keypoints < 0) | (keypoints > np.array(size) - 1)).any(-1)
    count = int(outside.sum())
    what = f'{percent(count, total)} of {total} labelled joints of {len(labelled)} people lie outside the crop'
    if count > 0.25 * total:
        advice = 'look at tools/misc/browse_dataset.py: wrong boxes, or too much shift, scale and rotation?'
        return [Finding('error' if count > 0.75 * total else 'warning', 'crop', where, what, advice)]
    return [Finding('info', 'crop', where, what)]


def build_codec(config: Mapping[str, Any] | None) -> tuple[Any, list[Finding]]:
    """The codec of a head, or None and what its constructor says."""
    if not config:
        what = 'the head has no decoder: it can neither draw targets nor predict joints'
        return None, [Finding('warning', 'codec', 'model', what)]
    try:
        return KEYPOINT_CODECS.build(dict(config)), []
    except Exception as error:  # constructors of codecs raise what they like
        return None, [Finding('error', 'codec', 'model', f'the codec cannot be built: {describe_error(error)}')]


def encode_decode(
    codec: Any, keypoints: np.ndarray, labelled: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What a perfect network would give: joints encoded and decoded again.

    Args:
        codec: Any codec of MMPose or of this package for one person a picture.
        keypoints: (B, K, 2) in input pixels.
        labelled: (B, K) bool.

    Returns:
        Decoded joints (B, K, 2) in input pixels, scores (B, K), and (B, K) bool: whether a target was drawn. None if
        the codec's targets are not what it decodes.
    """
    flags = labelled.astype(np.float32)
    if hasattr(codec, 'encode_batch'):
        encoded = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(flags))
        outputs = _decodable(encoded)
        if outputs is None:
            return None
        points, scores = codec.batch_decode(*outputs)
        drawn = encoded['keypoint_weights'].numpy() > 0
        return np.concatenate(points)[..., :2], np.concatenate(scores), drawn
    results = []
    for person, flag in zip(keypoints, flags, strict=True):
        encoded = codec.encode(person[None], flag[None])
        outputs = _decodable(encoded)
        if outputs is None:
            return None
        point, score = codec.decode(*outputs)
        weights = np.asarray(encoded.get('keypoint_weights', flag)).reshape(-1)[: len(flag)]
        results.append((point[0, :, :2], np.broadcast_to(np.asarray(score).reshape(-1), flag.shape), weights > 0))
    points, scores, drawn = (np.stack(column) for column in zip(*results, strict=True))
    return points, scores, drawn


def _decodable(encoded: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What a network that predicts its targets would hand to the decoder."""
    for names in (('keypoint_x_labels', 'keypoint_y_labels'), ('keypoint_labels',), ('heatmaps',)):
        if all(name in encoded for name in names):
            return tuple(encoded[name] for name in names)
    return None


def check_codec(
    codec: Any, keypoints: np.ndarray, labelled: np.ndarray, threshold: float | None = None
) -> list[Finding]:
    """Error in pixels and scores when the data set's own joints are encoded and decoded.

    Args:
        codec: The head's.
        keypoints: (B, K, 2) in input pixels.
        labelled: (B, K) bool.
        threshold: ``keypoint_score_thr`` of the evaluator, or None.
    """
    labelled = labelled & np.isfinite(keypoints).all(-1)
    try:
        decoded = encode_decode(codec, np.where(labelled[..., None], keypoints, 0), labelled)
    except Exception as error:  # a codec of the user's may raise anything
        return [Finding('error', 'codec', 'model', f'encoding or decoding fails: {describe_error(error)}')]
    name = type(codec).__name__
    if decoded is None:
        return [Finding('info', 'codec-error', 'model', f'{name}: its targets cannot be decoded by themselves')]
    points, scores, drawn = decoded
    cells = np.array(getattr(codec, 'heatmap_size', codec.input_size), float)
    cell = np.array(codec.input_size, float) / cells
    inside = labelled & drawn & ((keypoints >= 0) & (keypoints <= (cells - 1) * cell)).all(-1)
    if not inside.any():
        return [
            Finding('warning', 'codec-error', 'model', f'{name}: no joint inside the map to measure its error with')
        ]
    middle = inside & ((keypoints >= _BORDER * cell) & (keypoints <= (cells - 1 - _BORDER) * cell)).all(-1)
    distance = np.linalg.norm(points - keypoints, axis=-1)
    findings = [_report_error(codec, distance[inside], distance[middle], cells, float(cell.max()))]
    low, high = scores[inside].min(), scores[inside].max()
    what = f'a perfect network scores {low:.3f} to {high:.3f} (the values that {name} decodes of its own targets)'
    if threshold is not None and high <= threshold:
        advice = 'CocoMetric rates every person 0: lower keypoint_score_thr in the evaluator'
        return [
            *findings,
            Finding('warning', 'score-threshold', 'model', f'{what}; keypoint_score_thr={threshold}', advice),
        ]
    return [*findings, Finding('info', 'scores', 'model', what)]


def _report_error(codec: Any, inside: np.ndarray, middle: np.ndarray, cells: np.ndarray, cell: float) -> Finding:
    """Errors in pixels of the joints inside the map, and of those away from its border."""
    width, height = codec.input_size
    text = (
        f'{type(codec).__name__}, {width} x {height} pixels in {cells[0]:.0f} x {cells[1]:.0f} cells: encoded and '
        f'decoded, {len(inside)} joints are off by {_statistics(inside)} px'
    )
    if 0 < len(middle) < len(inside):
        text += f'; those {_BORDER} cells and more from the border by {_statistics(middle)} px'
    if inside.mean() > cell:
        advice = 'more than a cell: no network can do better. Do sigma and the sizes fit?'
        return Finding('warning', 'codec-error', 'model', text, advice)
    return Finding('info', 'codec-error', 'model', text)


def _statistics(values: np.ndarray) -> str:
    return f'{values.mean():.4f} (mean), {np.median(values):.4f} (median), {values.max():.4f} (largest)'
