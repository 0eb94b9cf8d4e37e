"""Training targets of a batch: packed by the pipeline, or drawn from keypoints by the head's codec."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

__all__ = ['axis_weights', 'gather_keypoints', 'gather_stage_targets', 'gather_targets', 'needed_targets']

# where a pipeline with GenerateTarget packs what a codec's encode() returned
_PACKED = ('gt_instance_labels', 'gt_fields')


def _to_device(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """One float32 tensor of equally shaped arrays; the copy to a GPU does not make the host wait."""
    tensor = torch.from_numpy(np.stack(arrays).astype(np.float32, copy=False))
    if device.type == 'cuda':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def gather_keypoints(samples: Sequence[PoseDataSample], device: torch.device) -> tuple[Tensor, Tensor]:
    """Keypoints of top-down samples as tensors.

    Args:
        samples: B samples, each of one person, packed with ``PackPoseInputs(pack_transformed=True)``.
        device: Where the tensors shall be.

    Returns:
        Keypoints (B, K, D) in input pixels, x first, and visibility (B, K), float32. Where some samples have depth, it
        is NaN in those that have none.

    Raises:
        ValueError: If a sample has no transformed keypoints, or not exactly one person.
    """
    keypoints, visible = [], []
    for sample in samples:
        instances = sample.gt_instances
        if 'transformed_keypoints' not in instances:
            raise ValueError(
                "'data_samples' must hold training targets or 'gt_instances.transformed_keypoints', "
                f'got instances with {sorted(instances.keys())}; end the pipeline with '
                "dict(type='PackPoseInputs', pack_transformed=True)"
            )
        points, flags = np.asarray(instances.transformed_keypoints), np.asarray(instances.keypoints_visible)
        if len(points) != 1:
            raise ValueError(f"'data_samples' must hold one person each (top-down), got {len(points)}")
        keypoints.append(points[0])
        # some transforms keep (visible, weight) pairs
        visible.append(flags[0, ..., 0] if flags.ndim == 3 else flags[0])
    widths = {points.shape[-1] for points in keypoints}
    if len(widths) > 1:
        missing = float('nan')
        keypoints = [
            np.pad(points, ((0, 0), (0, max(widths) - points.shape[-1])), constant_values=missing)
            for points in keypoints
        ]
    return _to_device(keypoints, device), _to_device(visible, device)


def _packed_targets(samples: Sequence[PoseDataSample], device: torch.device) -> dict[str, Tensor]:
    """Targets that the pipeline encoded, stacked by name; empty if it did not."""
    targets: dict[str, list[Tensor]] = {}
    for sample in samples:
        for source in _PACKED:
            for name, value in getattr(sample, source, {}).items():
                # labels have a people axis of length 1 in front, fields do not
                targets.setdefault(name, []).append(value[0] if source == 'gt_instance_labels' else value)
    for name, values in targets.items():
        if len(values) != len(samples):
            raise ValueError(
                f"'data_samples' must all hold the target '{name}' or none of them, "
                f'got it in {len(values)} of {len(samples)}'
            )
    return {name: torch.stack(values).to(device) for name, values in targets.items()}


def _check_codec(samples: Sequence[PoseDataSample], codec: Any) -> None:
    """Raise a ValueError unless the codec can draw the targets of these samples."""
    if not hasattr(codec, 'encode_batch'):
        raise ValueError(
            f"'decoder' must be a codec with encode_batch() to draw targets in the head, got "
            f"{type(codec).__name__}; take one of mmpose_ext's, or put GenerateTarget into the pipeline"
        )
    for sample in samples:
        size = tuple(sample.metainfo.get('input_size', codec.input_size))
        if size != tuple(codec.input_size):
            raise ValueError(
                f"'input_size' of the pipeline must be that of the head's codec, {tuple(codec.input_size)}, got {size}"
            )


def gather_stage_targets(
    samples: Sequence[PoseDataSample], codecs: Sequence[Any], device: torch.device
) -> list[dict[str, Tensor]]:
    """Targets of a batch for several codecs; keypoints are gathered once, and each codec draws once.

    Args:
        samples: B samples of one person each.
        codecs: A codec for each stage; one that is named again shares its targets.
        device: Where the targets shall be.

    Returns:
        For each entry of ``codecs`` what :func:`gather_targets` returns for it.

    Raises:
        ValueError: As :func:`gather_targets`.
    """
    targets = _packed_targets(samples, device)
    if targets:
        return [targets] * len(codecs)
    different = {id(codec): codec for codec in codecs}
    for codec in different.values():
        _check_codec(samples, codec)
    keypoints, visible = gather_keypoints(samples, device)
    drawn = {
        # depth is for the codecs that know it
        key: codec.encode_batch(keypoints[..., : max(2, getattr(codec, 'dim', 2))], visible)
        for key, codec in different.items()
    }
    return [drawn[id(codec)] for codec in codecs]


def gather_targets(samples: Sequence[PoseDataSample], codec: Any, device: torch.device) -> dict[str, Tensor]:
    """Targets of a batch, by the names that the codec's ``encode`` returns.

    If the pipeline encoded them (MMPose's ``GenerateTarget``), the packed ones are taken; otherwise the codec draws
    them on the device from the samples' keypoints.

    Args:
        samples: B samples of one person each.
        codec: The head's codec; needs ``encode_batch`` unless targets are packed.
        device: Where the targets shall be.

    Returns:
        Tensors with B in front.

    Raises:
        ValueError: If the samples hold neither, their input size is not the codec's, or the codec cannot draw batches.
    """
    return gather_stage_targets(samples, (codec,), device)[0]


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
    """Weights of a loss on points: (B, K, 1) for all axes or, with ``depth_weights``, (B, K, 3) for each."""
    (weights,) = needed_targets(targets, 'keypoint_weights')
    if 'depth_weights' not in targets:
        return weights[..., None]
    return torch.stack((weights, weights, targets['depth_weights']), -1)
