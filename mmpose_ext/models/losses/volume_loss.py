"""Losses on the volumes of joints: H1 and H2 of integral regression with depth, for batches that mix 2D and 3D."""

from torch import Tensor

from mmpose_ext.functional import (
    check_positive,
    has_weight,
    mask_gradient,
    spatial_softmax,
    volume_cross_entropy,
    volume_square_error,
)
from mmpose_ext.registry import MODELS

from .weighted_loss import WeightedLoss

__all__ = ['VolumeCrossEntropyLoss', 'VolumeLoss', 'VolumeMSELoss']


class VolumeLoss(WeightedLoss):
    """Base class of the losses on volumes.

    Args:
        reduction: 'valid', 'batch' or 'all' (see :func:`mmpose_ext.functional.weighted_reduce`).
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If the reduction is none of these.
    """

    def __init__(self, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)

    def errors(self, output: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
        """Errors of joints (B, K)."""
        raise NotImplementedError

    def forward(
        self, output: Tensor, target: Tensor, weights: Tensor, depth_target: Tensor, depth_weights: Tensor
    ) -> Tensor:
        """Loss of a batch.

        Args:
            output: (B, K, D, H, W).
            target: Maps on x and y (B, K, H, W).
            weights: (B, K).
            depth_target: Vectors on depth (B, K, D).
            depth_weights: (B, K). The volume of a joint without weight here is compared with its map on x and y only.
                That of a joint with any weight here is compared in 3D and counts by ``weights``.

        Returns:
            A scalar.
        """
        errors = self.errors(mask_gradient(output, weights), target, depth_target, has_weight(depth_weights))
        return self.reduce(errors, weights)


@MODELS.register_module()
class VolumeMSELoss(VolumeLoss):
    """Mean square error of volumes against Gaussians (H1 of Sun et al., ECCV 2018, with depth).

    For a joint without depth see :func:`mmpose_ext.functional.volume_square_error`. Arguments are those of
    :class:`VolumeLoss`.
    """

    def errors(self, output: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
        """Errors of joints (B, K)."""
        return volume_square_error(output, maps, vectors, has_depth)


@MODELS.register_module()
class VolumeCrossEntropyLoss(VolumeLoss):
    """Cross-entropy of the softmax over all cells of a volume (H2 of Sun et al., ECCV 2018, with depth).

    For a joint without depth it is the cross-entropy of the map that remains when the probabilities are summed over
    depth.

    Args:
        beta: Factor of the logits before the softmax.
        reduction: As with :class:`VolumeLoss`.
        loss_weight: As with :class:`VolumeLoss`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, beta: float = 1.0, reduction: str = 'valid', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        check_positive('beta', beta)
        self.beta = beta

    def errors(self, output: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
        """Errors of joints (B, K)."""
        return volume_cross_entropy(output, maps, vectors, has_depth, self.beta)

    def probabilities(self, output: Tensor) -> Tensor:
        """Probabilities that logits (B, K, D, H, W) stand for: the softmax over each volume."""
        return spatial_softmax(output, self.beta)

    def extra_repr(self) -> str:
        """Settings for ``repr``."""
        return f'beta={self.beta}, {super().extra_repr()}'
