"""Heat-map head whose codec draws the targets and decodes the maps on the device."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mmengine.structures import PixelData
from mmpose.models.utils.tta import flip_heatmaps
from torch import Tensor

from mmpose_ext.functional import heatmap_pck
from mmpose_ext.models.layers import conv_stack, deconv_stack, final_conv
from mmpose_ext.registry import MODELS

from .base import BaseHead

__all__ = ['HeatmapHead']

_ONE_BY_ONE = MappingProxyType({'kernel_size': 1})


@MODELS.register_module()
class HeatmapHead(BaseHead):
    """Deconvolutions and a convolution to one heat map per joint (Simple Baselines, Xiao et al., ECCV 2018).

    Arguments, parameter names and initialisation are those of MMPose's ``HeatmapHead``: checkpoints of either load
    into the other. With ``deconv_out_channels=None`` it is the head of HRNet.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        deconv_out_channels: Channels of each deconvolution; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these.
        final_layer: Arguments of the last convolution, a 1x1 one by default; None: no such layer.
        loss: Config of the loss, called with (output, target, weights); default MMPose's weighted MSE.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialisation config; default normal weights with standard deviation 0.001.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        final_layer: Mapping[str, Any] | None = _ONE_BY_ONE,
        loss: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(decoder, self.default_init_cfg if init_cfg is None else init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.loss_module = MODELS.build(dict(loss or dict(type='KeypointMSELoss', use_target_weight=True)))
        self.deconv_layers = deconv_stack(in_channels, deconv_out_channels, deconv_kernel_sizes)
        channels = deconv_out_channels[-1] if deconv_out_channels else in_channels
        self.conv_layers = conv_stack(channels, conv_out_channels, conv_kernel_sizes)
        channels = conv_out_channels[-1] if conv_out_channels else channels
        self.final_layer = final_conv(channels, out_channels, final_layer)

    @property
    def default_init_cfg(self) -> list[dict[str, Any]]:
        """Initialisation where the config names none: MMPose's."""
        return [
            dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
            dict(type='Constant', layer='BatchNorm2d', val=1),
        ]

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Heat maps (B, K, H, W) of the last of the features, (B, in_channels, h, w)."""
        return self.final_layer(self.conv_layers(self.deconv_layers(feats[-1])))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_kpt`` of maps (B, K, H, W) against ``heatmaps`` with ``keypoint_weights``."""
        target = targets['heatmaps']
        if outputs.shape != target.shape:
            raise ValueError(
                "'heatmap_size' of the codec must be the size of the head's maps: the maps have shape "
                f'{tuple(outputs.shape)}, got targets of shape {tuple(target.shape)}'
            )
        # autograd refuses a mean square of two types, and float16 is too coarse for one
        return dict(loss_kpt=self.loss_module(outputs.to(target.dtype), target, targets['keypoint_weights']))

    def accuracy(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK of the maxima at 5 % of the map's size."""
        return dict(acc_pose=heatmap_pck(outputs, targets['heatmaps'], targets['keypoint_weights'] > 0))

    def average_flip(
        self, outputs: Tensor, flipped: Tensor, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]
    ) -> Tensor:
        """Mean of maps (B, K, H, W) and of the mirrored picture's, mirrored back with left and right swapped."""
        flipped = flip_heatmaps(
            flipped,
            flip_indices=list(flip_indices),
            flip_mode=test_cfg.get('flip_mode', 'heatmap'),
            shift_heatmap=test_cfg.get('shift_heatmap', False),
        )
        return (outputs + flipped) * 0.5

    def output_fields(self, outputs: Tensor) -> list[PixelData]:
        """``heatmaps`` (K, H, W) of each picture."""
        return [PixelData(heatmaps=maps) for maps in outputs.detach()]
