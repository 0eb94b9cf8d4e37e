"""Losses on the coordinates of joints."""

from torch import Tensor

from mmpose_ext.functional import check_choice, check_shape, coordinate_error, mask_gradient
from mmpose_ext.registry import MODELS

from .weighted_loss import WeightedLoss

__all__ = ['CoordinateLoss']


@MODELS.register_module()
class CoordinateLoss(WeightedLoss):
    """L1 or L2 distance of predicted coordinates from their labels.

    In the paper of integral regression L1 gives the better results throughout (Sun et al., ECCV 2018, section 3).

    Args:
        norm: 'l1' or 'l2' (see :func:`mmpose_ext.functional.coordinate_error`).
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(self, norm: str = 'l1', reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        check_choice('norm', norm, ('l1', 'l2'))
        self.norm = norm

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            output: Points (B, K, D).
            target: Labels (B, K, D).
            weights: (B, K) or (B, K, 1), or (B, K, D) with one weight for each axis.

        Returns:
            A scalar.
        """
        sizes = check_shape('output', output, 'B K D')
        weights = weights[..., None] if weights.dim() == 2 else weights
        if weights.shape[2:] == (1,):
            weights = weights.expand(-1, -1, sizes['D'])
        check_shape('weights', weights, 'B K D', **sizes)
        return self.reduce(coordinate_error(mask_gradient(output, weights), target, self.norm), weights)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'norm={self.norm!r}, {super().extra_repr()}'
