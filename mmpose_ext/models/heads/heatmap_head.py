"""Heat-map head whose codec draws the targets and decodes the maps on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmpose_ext.functional import heatmap_pck
from mmpose_ext.models.utils import average_maps, needed_targets
from mmpose_ext.registry import MODELS

from .map_head import MapHead, check_map_size

__all__ = ['HeatmapHead']


@MODELS.register_module()
class HeatmapHead(MapHead):
    """One heat map per joint, trained against the codec's maps and decoded by the codec.

    Args:
        *args: Those of :class:`MapHead`, which are those of MMPose's ``HeatmapHead``.
        loss: Config of the loss, called with (output, target, weights); default MMPose's weighted MSE.
        **kwargs: As ``args``.
    """

    def __init__(self, *args: Any, loss: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_module = MODELS.build(dict(loss or dict(type='KeypointMSELoss', use_target_weight=True)))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_kpt`` of maps (B, K, H, W) against ``heatmaps`` with ``keypoint_weights``."""
        target, weights = needed_targets(targets, 'heatmaps', 'keypoint_weights')
        check_map_size(outputs, target)
        # autograd refuses a mean square of two types, and float16 is too coarse for one
        return dict(loss_kpt=self.loss_module(outputs.to(target.dtype), target, weights))

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
