"""Losses on the maps of joints: H2 and H3 of integral regression. H1 is MMPose's ``KeypointMSELoss``."""

from torch import Tensor, nn

from mmpose_ext.functional import (
    check_choice,
    check_positive,
    heatmap_binary_cross_entropy,
    heatmap_cross_entropy,
    spatial_softmax,
    weighted_reduce,
)
from mmpose_ext.registry import MODELS

__all__ = ['HeatmapBCELoss', 'HeatmapCrossEntropyLoss']


@MODELS.register_module()
class HeatmapCrossEntropyLoss(nn.Module):
    """Cross-entropy of the softmax over all cells of a map (H2 of Sun et al., ECCV 2018).

    Args:
        beta: Factor of the logits before the softmax.
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, beta: float = 1.0, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__()
        check_positive('beta', beta)
        check_choice('reduction', reduction, ('valid', 'batch', 'all'))
        self.beta = beta
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of logits (B, K, H, W) against maps (B, K, H, W) with weights (B, K)."""
        entropy = heatmap_cross_entropy(output, target, self.beta)
        return self.loss_weight * weighted_reduce(entropy, weights, self.reduction)

    def probabilities(self, output: Tensor) -> Tensor:
        """What logits (B, K, H, W) stand for: the softmax over each map."""
        return spatial_softmax(output, self.beta)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'beta={self.beta}, reduction={self.reduction!r}, loss_weight={self.loss_weight}'


@MODELS.register_module()
class HeatmapBCELoss(nn.Module):
    """Binary cross-entropy of every cell of a map (H3 of Sun et al., ECCV 2018).

    Args:
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If the reduction is none of these.
    """

    def __init__(self, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__()
        check_choice('reduction', reduction, ('valid', 'batch', 'all'))
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of logits (B, K, H, W) against maps (B, K, H, W) with weights (B, K)."""
        entropy = heatmap_binary_cross_entropy(output, target)
        return self.loss_weight * weighted_reduce(entropy, weights, self.reduction)

    def probabilities(self, output: Tensor) -> Tensor:
        """What logits (B, K, H, W) stand for: the sigmoid of each cell."""
        # float16 cannot tell large logits from each other any more
        return output.float().sigmoid()

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'reduction={self.reduction!r}, loss_weight={self.loss_weight}'
