"""Heatmap head whose codec draws the targets and decodes the maps on the device."""

from collections.abc import Sequence
from typing import cast

import torch
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor

from mmpose_ext.codecs import Encoded, MapFormat
from mmpose_ext.functional import heatmap_pck
from mmpose_ext.models.utils import Targets, average_maps, mask_joints, needed_targets
from mmpose_ext.registry import MODELS

from .map_head import ONE_BY_ONE, MapHead, check_map_size, map_init_cfg
from .step import StageMaps

__all__ = ['HeatmapHead']


@MODELS.register_module()
class HeatmapHead(MapHead[Tensor]):
    """One heatmap per joint, trained against the codec's maps and decoded by the codec.

    Arguments and parameter names are those of MMPose's ``HeatmapHead``, whose checkpoints load.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        deconv_out_channels: Channels of each deconvolution, which doubles the map; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these convolutions.
        final_layer: Arguments of the last convolution; None: no such layer.
        loss: Config of the loss, called with (output, target, weights); default MMPose's weighted mean squared error.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialization config; default normal weights with standard deviation 0.001.
        unlabeled_weight: Weight in the loss of joints without a label, or with a label outside of the map; their target
            is a map of zeros. 0: they do not count, as in most implementations. 1: the network learns that they are
            not there, as in the hourglass paper (Newell et al., ECCV 2016, section 3.4). Joints that their dataset does
            not annotate never count. MMPose's ``KeypointMSELoss`` cannot do this: it takes the weights of the labels
            whatever its ``use_target_weight`` says.

    Raises:
        ValueError: If ``unlabeled_weight`` is not a finite number >= 0, or a layer cannot be built.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        final_layer: OptConfigType = ONE_BY_ONE,
        loss: OptConfigType = None,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
        unlabeled_weight: float = 0.0,
    ) -> None:
        super().__init__(decoder, map_init_cfg() if init_cfg is None else init_cfg)
        layers = deconv_out_channels, deconv_kernel_sizes, conv_out_channels, conv_kernel_sizes, final_layer
        self.make_layers(in_channels, out_channels, out_channels, *layers)
        if not (isinstance(unlabeled_weight, (int, float)) and 0 <= unlabeled_weight < float('inf')):
            raise ValueError(f"'unlabeled_weight' must be a finite number >= 0, got {unlabeled_weight!r}")
        self.loss_module = MODELS.build(dict(loss or dict(type='KeypointMSELoss', use_target_weight=True)))
        self.unlabeled_weight = unlabeled_weight

    def with_loss_weights(self, targets: Targets) -> Targets:
        """Targets with ``loss_weights`` (B, K) where these differ from ``keypoint_weights``, which tell of labels."""
        if not self.unlabeled_weight or 'keypoint_weights' not in targets:
            return targets
        weights = targets['keypoint_weights']
        # 0 for a joint that the dataset does not annotate, of which nobody knows whether it is there
        absent = self.unlabeled_weight * targets.get('keypoints_visible_weights', torch.ones_like(weights))
        return dict(targets, loss_weights=torch.where(weights > 0, weights, absent))

    def losses(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``loss_kpt`` of maps (B, K, H, W) against ``heatmaps`` with ``keypoint_weights`` or ``loss_weights``."""
        target, weights = needed_targets(targets, 'heatmaps', 'keypoint_weights')
        check_map_size(outputs, target)
        weights = targets.get('loss_weights', weights)
        # autograd refuses a mean square of two types, and float16 is too coarse for one
        output, target = mask_joints(weights, outputs.to(target.dtype), target)
        return dict(loss_kpt=self.loss_module(output, target, weights))

    def accuracy(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``acc_pose``: PCK of the maxima at 5 % of the map's size."""
        return dict(acc_pose=heatmap_pck(outputs, targets['heatmaps'], targets['keypoint_weights'] > 0))

    @property
    def map_format(self) -> MapFormat | None:
        """The format of the codec's target maps."""
        return self.codec.map_format

    def stage_maps(self, outputs: Tensor) -> list[StageMaps]:
        """The outputs themselves, of the only stage."""
        return [StageMaps('', outputs, 1.0)]

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Tensor:
        """Mean of maps (B, K, H, W) of an image and of its mirror image, which are mirrored back."""
        return average_maps(cast(Tensor, encoded), cast(Tensor, flipped), flip_indices, test_cfg)

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """The outputs themselves."""
        return outputs
