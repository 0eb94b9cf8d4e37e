"""Losses on the coordinates of joints."""

import torch
from torch import Tensor, nn

from mmpose_ext.functional import check_choice, check_shape, coordinate_error, weighted_reduce
from mmpose_ext.registry import MODELS

__all__ = ['CoordinateLoss']


@MODELS.register_module()
class CoordinateLoss(nn.Module):
    """L1 or L2 distance of predicted coordinates from their labels.

    In the paper of integral regression L1 is always the better one (Sun et al., ECCV 2018, section 3).

    Args:
        norm: 'l1' or 'l2' (see :func:`mmpose_ext.functional.coordinate_error`).
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(self, norm: str = 'l1', reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__()
        check_choice('norm', norm, ('l1', 'l2'))
        check_choice('reduction', reduction, ('valid', 'batch', 'all'))
        self.norm = norm
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of points (B, K, D) against labels (B, K, D).

        Weights are (B, K) or (B, K, 1), or (B, K, D) with one for each axis. A NaN with the weight 0 reaches neither
        the loss nor the gradient of the points.
        """
        sizes = check_shape('output', output, 'B K D')
        weights = weights[..., None] if weights.dim() == 2 else weights
        if weights.shape[2:] == (1,):
            weights = weights.expand(-1, -1, sizes['D'])
        check_shape('weights', weights, 'B K D', **sizes)
        # zeros before the error is computed, whose gradient would otherwise be 0 * NaN
        error = coordinate_error(torch.where(weights > 0, output, 0.0), target, self.norm)
        return self.loss_weight * weighted_reduce(error, weights, self.reduction)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'norm={self.norm!r}, reduction={self.reduction!r}, loss_weight={self.loss_weight}'
