"""The layers of heads that make a map for each joint."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import Tensor

from mmpose_ext.models.layers import conv_stack, deconv_stack, final_conv

from .base import BaseHead

__all__ = ['MapHead']

ONE_BY_ONE = MappingProxyType({'kernel_size': 1})


class MapHead(BaseHead):
    """Deconvolutions and a convolution to one map per joint (Simple Baselines, Xiao et al., ECCV 2018).

    Arguments, parameter names and initialisation are those of MMPose's ``HeatmapHead``: checkpoints of that, and of
    every subclass of this, load into each other. With ``deconv_out_channels=None`` it is the head of HRNet.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        deconv_out_channels: Channels of each deconvolution; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these.
        final_layer: Arguments of the last convolution, a 1x1 one by default; None: no such layer.
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
        final_layer: Mapping[str, Any] | None = ONE_BY_ONE,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(decoder, self.default_init_cfg if init_cfg is None else init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
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
        """Maps (B, K, H, W) of the last of the features, (B, in_channels, h, w)."""
        return self.final_layer(self.conv_layers(self.deconv_layers(feats[-1])))


def check_map_size(maps: Tensor, targets: Tensor) -> None:
    """Raise a ValueError unless maps and targets are of one shape."""
    if maps.shape != targets.shape:
        raise ValueError(
            "'heatmap_size' of the codec must be the size of the head's maps: the maps have shape "
            f'{tuple(maps.shape)}, got targets of shape {tuple(targets.shape)}'
        )
