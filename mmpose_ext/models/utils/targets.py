"""Training targets of a batch: packed by the pipeline, or drawn from keypoints by the head's codec."""

from collections.abc import Mapping, Sequence

import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.codecs import KeypointCodec, keypoint_codec

from .samples import GatheredSamples, Targets, gather_keypoints, input_sizes_of, packed_targets, usable_weights

__all__ = [
    'axis_weights',
    'gather_stage_targets',
    'gather_targets',
    'mask_joints',
    'needed_targets',
]

# MMPose's name of the second number of the pairs above
_ANNOTATED = 'keypoints_visible_weights'


def _check_codec(sizes: Sequence[tuple[int, ...]], codec: KeypointCodec) -> None:
    """Raise a ValueError unless the codec is of the samples' input size."""
    for size in sizes:
        if size != tuple(codec.input_size):
            raise ValueError(
                f"'input_size' of the pipeline must be that of the head's codec, {tuple(codec.input_size)}, got {size}"
            )


def _weighted(targets: Targets, annotated: Tensor | None) -> Targets:
    """Targets with usable weights, in which joints that the dataset does not have count for nothing."""
    targets = dict(targets)
    if annotated is None and _ANNOTATED in targets:
        annotated = usable_weights(targets[_ANNOTATED].float())
    if annotated is not None:
        targets[_ANNOTATED] = annotated
    for name in ('keypoint_weights', 'depth_weights'):
        if name in targets:
            weights = usable_weights(targets[name])
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
    gathered = samples if isinstance(samples, GatheredSamples) else None
    packed = packed_targets(samples, device) if gathered is None else gathered.packed
    if packed:
        return [_weighted(packed, None)] * len(codecs)
    if not all(isinstance(codec, BaseKeypointCodec) for codec in codecs):
        raise ValueError(
            "'decoder' must be a codec with encode_batch() to draw targets in the head, got NoneType; name one, or put "
            'GenerateTarget into the pipeline'
        )
    different = {id(codec): keypoint_codec(codec) for codec in codecs}
    sizes = input_sizes_of(samples) if gathered is None else gathered.input_sizes
    for codec in different.values():
        _check_codec(sizes, codec)
    keypoints = None if gathered is None else gathered.keypoints
    points, labeled, annotated = gather_keypoints(samples, device, joints) if keypoints is None else keypoints
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
