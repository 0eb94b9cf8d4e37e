"""Loss on the maps of a student against those of its teacher."""

import torch
from torch import Tensor, nn

from mmpose_ext.functional import (
    check_choice,
    check_positive,
    check_shape,
    heatmap_square_error,
    normalized_cross_entropy,
    weighted_reduce,
)
from mmpose_ext.registry import MODELS

__all__ = ['HeatmapDistillationLoss']

_KINDS = {'mse': heatmap_square_error, 'cross_entropy': normalized_cross_entropy}


@MODELS.register_module()
class HeatmapDistillationLoss(nn.Module):
    """Distance of a student's maps from its teacher's (FPD: Zhang et al., CVPR 2019, equation 4 and table 7).

    With 'mse' and 'all' it has the scale of MMPose's ``KeypointMSELoss`` and twice that of the released program, which
    halves its squares, those of the labels too.

    Args:
        kind: 'mse', the paper's choice, or 'cross_entropy' of maps that are divided by their sum.
        reduction: 'all', 'valid' or 'batch' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss. A cross-entropy is some thousand times a mean square of the same maps.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, kind: str = 'mse', reduction: str = 'all', loss_weight: float = 1.0) -> None:
        super().__init__()
        check_choice('kind', kind, _KINDS)
        check_choice('reduction', reduction, ('valid', 'batch', 'all'))
        check_positive('loss_weight', loss_weight)
        self.kind = kind
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss, a scalar, of maps (B, K, H, W) against maps (B, K, H, W) with weights (B, K).

        A NaN of a joint with the weight 0 reaches neither the loss nor the gradient of the maps.
        """
        check_shape('weights', weights, 'B K', **check_shape('output', output, 'B K H W'))
        counted = (weights > 0)[..., None, None]
        # before anything is computed: 0 * NaN would be NaN in its gradient
        output, target = torch.where(counted, output, 0.0), torch.where(counted, target, 0.0)
        return self.loss_weight * weighted_reduce(_KINDS[self.kind](output, target), weights, self.reduction)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'kind={self.kind!r}, reduction={self.reduction!r}, loss_weight={self.loss_weight}'
