"""Loss on the heatmaps of a student against those of its teacher."""

from torch import Tensor

from mmpose_ext.functional import (
    check_choice,
    check_positive,
    check_shape,
    heatmap_square_error,
    mask_gradient,
    normalized_cross_entropy,
)
from mmpose_ext.registry import MODELS

from .weighted_loss import WeightedLoss

__all__ = ['HeatmapDistillationLoss']

_KINDS = {'mse': heatmap_square_error, 'cross_entropy': normalized_cross_entropy}


@MODELS.register_module()
class HeatmapDistillationLoss(WeightedLoss):
    """Distance of a student's heatmaps from its teacher's (FPD: Zhang et al., CVPR 2019, equation 4 and table 7).

    With 'mse' and 'all' the loss has the scale of MMPose's ``KeypointMSELoss``. It is twice that of the official
    implementation, which halves all squared errors, those against the labels included.

    Args:
        kind: 'mse', the paper's choice, or 'cross_entropy' of maps that are divided by their sum.
        reduction: 'all', 'valid' or 'batch' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss. A cross-entropy is some thousand times a mean squared error of the same maps.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, kind: str = 'mse', reduction: str = 'all', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        check_choice('kind', kind, _KINDS)
        check_positive('loss_weight', loss_weight)
        self.kind = kind

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            output: Maps of the student (B, K, H, W).
            target: Maps of the teacher (B, K, H, W).
            weights: (B, K).

        Returns:
            A scalar.
        """
        check_shape('weights', weights, 'B K', **check_shape('output', output, 'B K H W'))
        return self.reduce(_KINDS[self.kind](mask_gradient(output, weights), target), weights)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'kind={self.kind!r}, {super().extra_repr()}'
