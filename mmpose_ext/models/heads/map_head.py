"""The layers of heads that make a map for each joint."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmpose_ext.models.layers import map_layers

from .base import BaseHead

__all__ = ['MapHead']


class MapHead(BaseHead):
    """Deconvolutions and a convolution to one map per joint (Simple Baselines, Xiao et al., ECCV 2018).

    Arguments, parameter names and initialisation are those of MMPose's ``HeatmapHead``: checkpoints of that, and of
    every subclass of this, load into each other. With ``deconv_out_channels=None`` it is the head of HRNet.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialisation config; default normal weights with standard deviation 0.001.
        **layers: ``deconv_out_channels`` (default three of 256), ``deconv_kernel_sizes``, ``conv_out_channels``,
            ``conv_kernel_sizes`` and ``final_layer``: see :func:`mmpose_ext.models.layers.map_layers`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
        **layers: Any,
    ) -> None:
        super().__init__(decoder, self.default_init_cfg if init_cfg is None else init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.deconv_layers, self.conv_layers, self.final_layer = map_layers(in_channels, out_channels, **layers)

    @property
    def default_init_cfg(self) -> list[dict[str, Any]]:
        """Initialisation where the config names none: MMPose's."""
        return [
            dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
            dict(type='Constant', layer='BatchNorm2d', val=1),
        ]

    def weigh(self, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Targets of a batch with what the head's options make of their weights: themselves unless overridden."""
        return dict(targets)

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
