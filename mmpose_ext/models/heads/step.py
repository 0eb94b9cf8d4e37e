"""The parts of a training step, and the types that heads share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.models.utils import Targets

__all__ = ['AdjustTargets', 'Features', 'HeadStep', 'OutputT', 'RawT', 'Samples', 'StageMaps', 'TargetT']

Features = Sequence[Tensor]
Samples = Sequence[PoseDataSample]
# a change of the targets of one stage before the losses are computed
AdjustTargets = Callable[[Targets], Targets]

RawT = TypeVar('RawT')  # what forward() returns
OutputT = TypeVar('OutputT')  # what losses are computed from
TargetT = TypeVar('TargetT')  # targets of a batch


@dataclass(frozen=True)
class HeadStep(Generic[OutputT, TargetT]):
    """What a head computes in a training step.

    Args:
        outputs: What the losses are computed from.
        targets: What the outputs are compared with.
        losses: Losses, and scalars for the log, by name.
        more_losses: Losses against other targets, by the same names, if a step was asked for them.
    """

    outputs: OutputT
    targets: TargetT
    losses: dict[str, Tensor]
    more_losses: dict[str, Tensor] = field(default_factory=dict)


class StageMaps(NamedTuple):
    """The maps that one stage of a network puts out.

    Args:
        prefix: Of the names of the stage's losses.
        maps: (B, K, H, W).
        loss_weight: Factor of the stage's losses.
    """

    prefix: str
    maps: Tensor
    loss_weight: float
