"""What heads read of the samples of a batch: keypoints, or the targets that the pipeline encoded.

Three numbers of a joint are kept apart here and in :mod:`mmpose_ext.models.utils.targets`, and nowhere else:

- its *visibility*, ``keypoints_visible``. A joint is labeled if this is a finite number above 0. The number itself does
  not matter: a visibility is not a weight;
- whether its dataset *annotates* it at all. MMPose's ``KeypointConverter`` writes pairs (visibility, weight): (0, 0)
  for a joint that the dataset does not have, (0, 1) for one without a label;
- its *weight* in a loss, which is finite and not negative. Any other weight counts as 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor
from torch.nn.functional import pad

__all__ = [
    'GatheredSamples',
    'SampleKeypoints',
    'Targets',
    'dataset_names_of',
    'gather_keypoints',
    'input_sizes_of',
    'labeled_joints',
    'packed_targets',
    'usable_weights',
]

# training targets by the names that a codec's encode() returns, with B in front
Targets = dict[str, Tensor]

# where a pipeline with GenerateTarget packs what a codec's encode() returned
_PACKED = ('gt_instance_labels', 'gt_fields')


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
    weights = None if all(one is None for one in annotated) else usable_weights(_to_device(known, device))
    return SampleKeypoints(_to_device(_same_axes(points), device), _to_device(labeled, device), weights)


def _same_axes(points: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Keypoints (K, D) with as many axes everywhere; a depth that is missing is NaN."""
    widths = {one.shape[-1] for one in points}
    if len(widths) == 1:
        return points
    return [np.pad(one, ((0, 0), (0, max(widths) - one.shape[-1])), constant_values=float('nan')) for one in points]


def usable_weights(weights: Tensor) -> Tensor:
    """Weights of joints; 0 in the place of those that are negative or not finite."""
    return torch.where((weights > 0) & weights.isfinite(), weights, 0.0)


def packed_targets(samples: Sequence[PoseDataSample], device: torch.device) -> Targets:
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


def input_sizes_of(samples: Sequence[PoseDataSample]) -> list[tuple[int, ...]]:
    """Sizes (w, h) of the network input by the samples, each once; none of samples that do not tell."""
    sizes = [sample.get('input_size') for sample in samples]
    return list(dict.fromkeys(tuple(size) for size in sizes if size is not None))


def dataset_names_of(samples: Sequence[PoseDataSample]) -> list[str]:
    """Names of the datasets that samples come from, each once; none of samples that do not tell."""
    return list(dict.fromkeys(sample.get('dataset_name') for sample in samples if 'dataset_name' in sample))


def _labels_of(samples: Sequence[PoseDataSample]) -> np.ndarray:
    """Which joints are labeled, (B, K) bool; K is 1 if no sample has visibilities."""
    rows = [labeled_joints(sample, 1) for sample in samples]
    joints = max((row.size for row in rows), default=1)
    return np.array([np.broadcast_to(row, joints) for row in rows], bool).reshape(len(rows), joints)


class GatheredSamples(list[PoseDataSample]):
    """A batch of samples, and as tensors what heads and distillers read of them in a training step.

    Heads take it where they take a list of samples. They then read its tensors and no sample, so that ``torch.compile``
    makes one graph of a training step; reading arrays from Python objects cannot be compiled. The tensors have the same
    axes for every batch, with or without depth, so that no batch leads to another compilation.

    Args:
        samples: B samples of one person each.
        device: Device of the tensors.
        joints: Number of joints K, needed for an empty batch alone.

    Attributes:
        packed: Targets by name that the pipeline encoded, with B in front; empty if it did not.
        keypoints: Keypoints of the samples, with three axes, if nothing is packed; else None. A depth that is missing
            is NaN.
        labeled: Which joints are labeled, (B, K) bool, as :func:`labeled_joints` of each sample; (B, 1) if no sample
            has visibilities.
        input_sizes: Sizes (w, h) of the network input by the samples.
        dataset_names: Names of the datasets that the samples come from, each once.

    Raises:
        ValueError: If samples hold neither targets nor keypoints, or not exactly one person.
    """

    def __init__(self, samples: Sequence[PoseDataSample], device: torch.device, joints: int = 0) -> None:
        super().__init__(samples)
        self.packed = packed_targets(samples, device)
        self.keypoints: SampleKeypoints | None = None
        self.input_sizes = input_sizes_of(samples)
        self.dataset_names = dataset_names_of(samples)
        if self.packed:
            self.labeled = _to_device([_labels_of(samples)], device)[0] > 0
        else:
            points, labeled, annotated = gather_keypoints(samples, device, joints)
            self.labeled = labeled > 0
            points = pad(points, (0, 3 - points.shape[-1]), value=float('nan'))
            self.keypoints = SampleKeypoints(
                points, labeled, torch.ones_like(labeled) if annotated is None else annotated
            )
