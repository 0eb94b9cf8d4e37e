"""The layers of heads that make a map for each joint."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Generic

from mmpose.utils.typing import ConfigType, OptConfigType
from torch import Tensor

from mmpose_ext.models.layers import map_layers, predict_maps

from .base_head import BaseHead
from .step import Features, OutputT, Targets

__all__ = ['ONE_BY_ONE', 'MapHead', 'check_map_size', 'map_init_cfg']

# the last convolution where a config names none
ONE_BY_ONE = MappingProxyType({'kernel_size': 1})


def map_init_cfg() -> list[ConfigType]:
    """Initialization of the layers of maps where the config names none: MMPose's."""
    return [
        dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
        dict(type='Constant', layer='BatchNorm2d', val=1),
    ]


class MapHead(BaseHead[Tensor, OutputT, Targets], Generic[OutputT]):
    """Deconvolutions and a convolution to one map per joint (Simple Baselines, Xiao et al., ECCV 2018).

    Parameter names and initialization are those of MMPose's ``HeatmapHead``: checkpoints of MMPose's head and of every
    subclass of this class load into each other. With ``deconv_out_channels=None`` it is the head of HRNet.

    A subclass calls :meth:`make_layers` in its constructor.

    Attributes:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K, as in MMPose's ``HeatmapHead``.
        map_channels: Number of maps that the layers make: K or, with volumes, K times their depth.
    """

    in_channels: int
    out_channels: int
    map_channels: int

    def make_layers(
        self,
        in_channels: int,
        out_channels: int,
        map_channels: int,
        deconv_out_channels: Sequence[int] | None,
        deconv_kernel_sizes: Sequence[int] | None,
        conv_out_channels: Sequence[int] | None,
        conv_kernel_sizes: Sequence[int] | None,
        final_layer: OptConfigType,
    ) -> None:
        """Set the attributes and add the layers, see :func:`mmpose_ext.models.layers.map_layers`."""
        self.in_channels = in_channels
        self.out_channels = self.num_joints = out_channels
        self.map_channels = map_channels
        self.deconv_layers, self.conv_layers, self.final_layer = map_layers(
            in_channels,
            map_channels,
            deconv_out_channels,
            deconv_kernel_sizes,
            conv_out_channels,
            conv_kernel_sizes,
            final_layer,
        )

    def forward(self, feats: Features) -> Tensor:
        """Maps (B, K, H, W) of the last of the features, (B, in_channels, h, w)."""
        return predict_maps(self.final_layer, self.conv_layers(self.deconv_layers(feats[-1])))


def check_map_size(maps: Tensor, targets: Tensor) -> None:
    """Raise a ValueError unless maps and targets are of one shape."""
    if maps.shape != targets.shape:
        raise ValueError(
            "'heatmap_size' of the codec must be the size of the head's maps: the maps have shape "
            f'{tuple(maps.shape)}, got targets of shape {tuple(targets.shape)}'
        )
