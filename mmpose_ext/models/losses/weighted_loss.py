"""What all losses on the errors of joints share: weights, reduction and factor."""

from torch import Tensor, nn

from mmpose_ext.functional import REDUCTIONS, check_choice, weighted_reduce

__all__ = ['WeightedLoss']


class WeightedLoss(nn.Module):
    """Base class of losses that weight an error of each joint.

    A joint counts if its weight is a finite number above zero. A joint that does not count contributes nothing to the
    loss and has no gradient, even if its output or its target is NaN. An empty batch, or one in which no joint counts,
    has the loss 0, with a graph. With several processes, joints are counted over all of them (see
    :func:`mmpose_ext.functional.weighted_reduce`).

    Args:
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If the reduction is none of these.
    """

    def __init__(self, reduction: str, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_choice('reduction', reduction, REDUCTIONS)
        self.reduction = reduction
        self.loss_weight = loss_weight

    def reduce(self, errors: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of errors (B, K) or (B, K, D) with weights of the same shape."""
        return self.loss_weight * weighted_reduce(errors, weights, self.reduction)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'reduction={self.reduction!r}, loss_weight={self.loss_weight}'
