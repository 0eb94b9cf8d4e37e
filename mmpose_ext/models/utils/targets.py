"""Training targets of a batch: packed by the pipeline, or drawn from keypoints by the head's codec.

Three numbers of a joint are kept apart here, and nowhere else:

- its *visibility*, ``keypoints_visible``. A joint is labeled if this is a finite number above 0. The number itself does
  not matter: a visibility is not a weight;
- whether its dataset *annotates* it at all. MMPose's ``KeypointConverter`` writes pairs (visibility, weight): (0, 0)
  for a joint that the dataset does not have, (0, 1) for one without a label;
- its *weight* in a loss, which is finite and not negative. Any other weight counts as 0.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.codecs import KeypointCodec, keypoint_codec

__all__ = [
    'SampleKeypoints',
    'Targets',
    'axis_weights',
    'gather_keypoints',
    'gather_stage_targets',
    'gather_targets',
    'labeled_joints',
    'mask_joints',
    'needed_targets',
]

# training targets by the names that a codec's encode() returns, with B in front
Targets = dict[str, Tensor]

# where a pipeline with GenerateTarget packs what a codec's encode() returned
_PACKED = ('gt_instance_labels', 'gt_fields')
# MMPose's name of the second number of the pairs above
_ANNOTATED = 'keypoints_visible_weights'


class SampleKeypoints(NamedTuple):
    """Keypoints of a batch of samples, float32.

    Args:
        points: (B, K, D) in input pixels, x first. Where some samples have depth, it is NaN in those that have none.
        labeled: (B, K), 1 for a labeled joint, else 0.
        annotated: (B, K), the weight of the joint by the dataset, 0 for one that the dataset does not have; None where
            every dataset has every joint.
    """

    points: Tensor
    labeled: Tensor
    annotated: Tensor | None


def _to_device(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """One float32 tensor of equally shaped arrays; the copy to a GPU does not make the host wait."""
    tensor = torch.from_numpy(np.stack(arrays).astype(np.float32, copy=False))
    if device.type == 'cuda':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _is_labeled(visible: np.ndarray) -> np.ndarray:
    """Which joints are labeled."""
    return (visible > 0) & np.isfinite(visible)  # comparisons with NaN are false


def labeled_joints(sample: PoseDataSample, joints: int) -> np.ndarray:
    """Which of the K joints of a sample are labeled, (K,) bool, read on the host.

    A sample with packed targets and without visibilities counts as labeled; one without either does not.
    """
    if 'gt_instances' in sample and 'keypoints_visible' in sample.gt_instances:
        visible = np.asarray(sample.gt_instances.keypoints_visible, dtype=np.float32)[0]
        return _is_labeled(visible[..., 0] if visible.ndim == 2 else visible)
    packed = 'gt_instance_labels' in sample and 'keypoint_weights' in sample.gt_instance_labels
    return np.full(joints, packed)


def gather_keypoints(samples: Sequence[PoseDataSample], device: torch.device, joints: int = 0) -> SampleKeypoints:
    """Keypoints of top-down samples as tensors.

    Args:
        samples: B samples, each of one person, packed with ``PackPoseInputs(pack_transformed=True)``.
        device: Device of the tensors.
        joints: Number of joints K, needed for an empty batch alone.

    Raises:
        ValueError: If a sample has no transformed keypoints, or not exactly one person.
    """
    if not samples:
        empty = torch.zeros(0, joints, 2, device=device)
        return SampleKeypoints(empty, empty[..., 0], None)
    points, labeled, annotated = [], [], []
    for sample in samples:
        instances = sample.gt_instances
        if 'transformed_keypoints' not in instances:
            raise ValueError(
                "'data_samples' must hold training targets or 'gt_instances.transformed_keypoints', "
                f'got instances with {sorted(instances.keys())}; end the pipeline with '
                "dict(type='PackPoseInputs', pack_transformed=True)"
            )
        people = np.asarray(instances.transformed_keypoints)
        visible = np.asarray(instances.keypoints_visible, dtype=np.float32)
        if len(people) != 1:
            raise ValueError(f"'data_samples' must hold one person each (top-down), got {len(people)}")
        points.append(people[0])
        pairs = visible.ndim == 3
        labeled.append(_is_labeled(visible[0, :, 0] if pairs else visible[0]))
        annotated.append(visible[0, :, 1] if pairs else None)
    known = [
        np.ones(one.shape, np.float32) if weights is None else weights
        for weights, one in zip(annotated, labeled, strict=True)
    ]
    weights = None if all(one is None for one in annotated) else _usable_weights(_to_device(known, device))
    return SampleKeypoints(_to_device(_same_axes(points), device), _to_device(labeled, device), weights)


def _same_axes(points: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Keypoints (K, D) with as many axes everywhere; a depth that is missing is NaN."""
    widths = {one.shape[-1] for one in points}
    if len(widths) == 1:
        return points
    return [np.pad(one, ((0, 0), (0, max(widths) - one.shape[-1])), constant_values=float('nan')) for one in points]


def _usable_weights(weights: Tensor) -> Tensor:
    """Weights of joints; 0 in the place of those that are negative or not finite."""
    return torch.where((weights > 0) & weights.isfinite(), weights, 0.0)


def _packed_targets(samples: Sequence[PoseDataSample], device: torch.device) -> Targets:
    """Targets that the pipeline encoded, stacked by name; empty if it did not."""
    targets: dict[str, list[Tensor]] = {}
    for sample in samples:
        for source in _PACKED:
            for name, value in sample.get(source, {}).items():
                # labels have a people axis of length 1 in front, fields do not
                targets.setdefault(name, []).append(value[0] if source == 'gt_instance_labels' else value)
    for name, values in targets.items():
        if len(values) != len(samples):
            raise ValueError(
                f"'data_samples' must all hold the target '{name}' or none of them, "
                f'got it in {len(values)} of {len(samples)}'
            )
    return {name: torch.stack(values).to(device) for name, values in targets.items()}


def _check_codec(samples: Sequence[PoseDataSample], codec: KeypointCodec) -> None:
    """Raise a ValueError unless the codec is of the samples' input size."""
    for sample in samples:
        size = tuple(sample.metainfo.get('input_size', codec.input_size))
        if size != tuple(codec.input_size):
            raise ValueError(
                f"'input_size' of the pipeline must be that of the head's codec, {tuple(codec.input_size)}, got {size}"
            )


def _weighted(targets: Targets, annotated: Tensor | None) -> Targets:
    """Targets with usable weights, in which joints that the dataset does not have count for nothing."""
    targets = dict(targets)
    if annotated is None and _ANNOTATED in targets:
        annotated = _usable_weights(targets[_ANNOTATED].float())
    if annotated is not None:
        targets[_ANNOTATED] = annotated
    for name in ('keypoint_weights', 'depth_weights'):
        if name in targets:
            weights = _usable_weights(targets[name])
            targets[name] = weights if annotated is None else weights * annotated
    return targets


def gather_stage_targets(
    samples: Sequence[PoseDataSample], codecs: Sequence[BaseKeypointCodec | None], device: torch.device, joints: int = 0
) -> list[Targets]:
    """Targets of a batch for several codecs; keypoints are gathered once, and each codec draws once.

    Args:
        samples: B samples of one person each.
        codecs: A codec for each stage; stages with the same codec share its targets. None if targets are packed.
        device: Device of the targets.
        joints: Number of joints K, needed for an empty batch alone.

    Returns:
        For each entry of ``codecs`` what :func:`gather_targets` returns for it.

    Raises:
        ValueError: As :func:`gather_targets`.
    """
    packed = _packed_targets(samples, device)
    if packed:
        return [_weighted(packed, None)] * len(codecs)
    if not all(isinstance(codec, BaseKeypointCodec) for codec in codecs):
        raise ValueError(
            "'decoder' must be a codec with encode_batch() to draw targets in the head, got NoneType; name one, or put "
            'GenerateTarget into the pipeline'
        )
    different = {id(codec): keypoint_codec(codec) for codec in codecs}
    for codec in different.values():
        _check_codec(samples, codec)
    points, labeled, annotated = gather_keypoints(samples, device, joints)
    drawn = {
        # a codec of two axes gets x and y alone
        key: _weighted(codec.encode_batch(points[..., : codec.dim], labeled), annotated)
        for key, codec in different.items()
    }
    return [drawn[id(codec)] for codec in codecs]


def gather_targets(
    samples: Sequence[PoseDataSample], codec: BaseKeypointCodec | None, device: torch.device, joints: int = 0
) -> Targets:
    """Targets of a batch, by the names that the codec's ``encode`` returns.

    If the pipeline encoded them (MMPose's ``GenerateTarget``), the packed ones are taken; otherwise the codec draws
    them on the device from the samples' keypoints.

    Args:
        samples: B samples of one person each.
        codec: The head's codec; it draws nothing, and may be None, if targets are packed.
        device: Device of the targets.
        joints: Number of joints K, needed for an empty batch alone.

    Returns:
        Tensors with B in front. Weights are finite and not negative.

    Raises:
        ValueError: If the samples hold neither, their input size is not the codec's, or the codec cannot draw batches.
    """
    return gather_stage_targets(samples, (codec,), device, joints)[0]


def needed_targets(targets: Mapping[str, Tensor], *names: str) -> list[Tensor]:
    """Targets by name.

    Raises:
        ValueError: If the codec of the head, or of the pipeline, does not encode one of them.
    """
    for name in names:
        if name not in targets:
            raise ValueError(f"'decoder' must be a codec that encodes '{name}' for this head, got {sorted(targets)}")
    return [targets[name] for name in names]


def axis_weights(targets: Mapping[str, Tensor]) -> Tensor:
    """Weights of a loss on points: (B, K, 1) for all axes or, with ``depth_weights``, (B, K, 3), one for each axis."""
    (weights,) = needed_targets(targets, 'keypoint_weights')
    if 'depth_weights' not in targets:
        return weights[..., None]
    return torch.stack((weights, weights, targets['depth_weights']), -1)


def mask_joints(weights: Tensor, *values: Tensor) -> list[Tensor]:
    """Zeros in the place of values whose weight is 0, so that a NaN there reaches neither a loss nor a gradient.

    Args:
        weights: (B, K), or of as many axes as the values with a length of 1 or theirs.
        *values: (B, K, ...).
    """
    known = weights > 0
    masked = []
    for value in values:
        masked.append(torch.where(known.view(*known.shape, *(1,) * (value.dim() - known.dim())), value, 0.0))
    return masked
