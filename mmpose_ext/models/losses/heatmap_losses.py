"""Losses on the heatmaps of joints: H2 and H3 of integral regression. H1 is MMPose's ``KeypointMSELoss``."""

from torch import Tensor

from mmpose_ext.functional import (
    check_positive,
    heatmap_binary_cross_entropy,
    heatmap_cross_entropy,
    mask_gradient,
    spatial_softmax,
)
from mmpose_ext.registry import MODELS

from .weighted_loss import WeightedLoss

__all__ = ['HeatmapBCELoss', 'HeatmapCrossEntropyLoss']


@MODELS.register_module()
class HeatmapCrossEntropyLoss(WeightedLoss):
    """Cross-entropy of the softmax over all cells of a map (H2 of Sun et al., ECCV 2018).

    Args:
        beta: Factor of the logits before the softmax.
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, beta: float = 1.0, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        check_positive('beta', beta)
        self.beta = beta

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of logits (B, K, H, W) against maps (B, K, H, W) with weights (B, K)."""
        return self.reduce(heatmap_cross_entropy(mask_gradient(output, weights), target, self.beta), weights)

    def probabilities(self, output: Tensor) -> Tensor:
        """Probabilities that logits (B, K, H, W) stand for: the softmax over each map."""
        return spatial_softmax(output, self.beta)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'beta={self.beta}, {super().extra_repr()}'


@MODELS.register_module()
class HeatmapBCELoss(WeightedLoss):
    """Binary cross-entropy of every cell of a map (H3 of Sun et al., ECCV 2018).

    Args:
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If the reduction is none of these.
    """

    def __init__(self, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of logits (B, K, H, W) against maps (B, K, H, W) with weights (B, K)."""
        return self.reduce(heatmap_binary_cross_entropy(mask_gradient(output, weights), target), weights)

    def probabilities(self, output: Tensor) -> Tensor:
        """Probabilities that logits (B, K, H, W) stand for: the sigmoid of each cell."""
        # in float16 the sigmoids of different large logits would be equal
        return output.float().sigmoid()
