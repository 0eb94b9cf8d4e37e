"""Heat-map head whose codec draws the targets and decodes the maps on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmpose_ext.functional import heatmap_pck
from mmpose_ext.models.utils import average_maps, needed_targets
from mmpose_ext.registry import MODELS

from .base import Samples
from .map_head import MapHead, check_map_size

__all__ = ['HeatmapHead']


@MODELS.register_module()
class HeatmapHead(MapHead):
    """One heat map per joint, trained against the codec's maps and decoded by the codec.

    Args:
        *args: Those of :class:`MapHead`, which are those of MMPose's ``HeatmapHead``.
        loss: Config of the loss, called with (output, target, weights); default MMPose's weighted MSE.
        unlabeled_weight: Weight in the loss of joints without a label, or with one that the map does not show; their
            map is zeros. 0: they do not count, as in most programs. 1: the network learns that they are not there, as
            in the hourglass paper (Newell et al., ECCV 2016, section 3.4). MMPose's ``KeypointMSELoss`` takes the
            weights whatever its ``use_target_weight`` says, so that it cannot do this.
        **kwargs: As ``args``.

    Raises:
        ValueError: If ``unlabeled_weight`` is not a finite number >= 0.
    """

    def __init__(
        self, *args: Any, loss: Mapping[str, Any] | None = None, unlabeled_weight: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not (isinstance(unlabeled_weight, (int, float)) and 0 <= unlabeled_weight < float('inf')):
            raise ValueError(f"'unlabeled_weight' must be a finite number >= 0, got {unlabeled_weight!r}")
        self.loss_module = MODELS.build(dict(loss or dict(type='KeypointMSELoss', use_target_weight=True)))
        self.unlabeled_weight = unlabeled_weight

    def targets(self, batch_data_samples: Samples, device: torch.device) -> dict[str, Tensor]:
        """As every head's, with the weights of the loss."""
        return self.weigh(super().targets(batch_data_samples, device))

    def weigh(self, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Targets with ``loss_weights`` (B, K) where they differ from ``keypoint_weights``, which tell of labels."""
        if not self.unlabeled_weight or 'keypoint_weights' not in targets:
            return dict(targets)
        weights = targets['keypoint_weights']
        return dict(targets, loss_weights=torch.where(weights > 0, weights, self.unlabeled_weight))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_kpt`` of maps (B, K, H, W) against ``heatmaps`` with ``keypoint_weights`` or ``loss_weights``."""
        target, weights = needed_targets(targets, 'heatmaps', 'keypoint_weights')
        check_map_size(outputs, target)
        # autograd refuses a mean square of two types, and float16 is too coarse for one
        loss = self.loss_module(outputs.to(target.dtype), target, targets.get('loss_weights', weights))
        return dict(loss_kpt=loss)

    def accuracy(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK of the maxima at 5 % of the map's size."""
        return dict(acc_pose=heatmap_pck(outputs, targets['heatmaps'], targets['keypoint_weights'] > 0))

    def average_flip(
        self, located: Tensor, flipped: Tensor, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]
    ) -> Tensor:
        """Mean of maps (B, K, H, W) and of the mirrored picture's, mirrored back with left and right swapped."""
        return average_maps(located, flipped, flip_indices, test_cfg)

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """The outputs themselves."""
        return outputs
