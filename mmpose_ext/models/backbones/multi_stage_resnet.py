"""Multi-stage ResNet of integral regression: conv4, conv5 and a heatmap head, repeated on the features of conv3."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from mmpose.models.backbones import ResNet
from mmpose.models.backbones.resnet import ResLayer
from torch import Tensor, nn

from mmpose_ext.functional import check_choice
from mmpose_ext.models.layers import map_layers, predict_maps
from mmpose_ext.registry import MODELS

__all__ = ['MultiStageResNet']

_STRIDE = 32  # of conv5
_OF_STAGES = ('layer3.', 'layer4.')  # conv4 and conv5, as they are named in a ResNet's checkpoint


class _HeatmapLayers(BaseModule):
    """Deconvolutions and a 1x1 convolution to one map per joint, initialized as those of the heads."""

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        deconv_out_channels: Sequence[int] | None,
        deconv_kernel_sizes: Sequence[int] | None,
    ) -> None:
        super().__init__(
            [
                dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
                dict(type='Constant', layer='BatchNorm2d', val=1),
            ]
        )
        self.deconv_layers, _, self.final_layer = map_layers(
            in_channels,
            num_keypoints,
            deconv_out_channels=deconv_out_channels,
            deconv_kernel_sizes=deconv_kernel_sizes,
        )

    def forward(self, features: Tensor) -> Tensor:
        return predict_maps(self.final_layer, self.deconv_layers(features))


class _Stage(BaseModule):
    """conv4, conv5 and the layers that make the maps."""

    def __init__(self, layer3: nn.Module, layer4: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.layer3 = layer3
        self.layer4 = layer4
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.layer4(self.layer3(features)))


@MODELS.register_module()
class MultiStageResNet(ResNet):
    """Multi-stage network of "Integral Human Pose Regression" (Sun et al., ECCV 2018): MS-H and MS-I.

    Every stage receives the features of a ResNet's conv3. It concatenates them with the maps of the previous stage,
    passes them through its own conv4 and conv5, and computes its maps by deconvolutions and a 1x1 convolution. The
    first stage receives the features alone; with ``num_stages=1`` this is Simple Baselines. ``MultiStageHead`` has the
    losses, one for each stage.

    The paper leaves open how the maps, with three deconvolutions of twice the size, come to the size of conv3's
    features. Here each cell is the mean of 2x2 cells (of larger blocks where the maps are larger; smaller maps repeat
    their cells). The maps are passed on without a softmax, because the backbone does not know the loss, and gradients
    flow back through them.

    The weights of a plain ResNet load, by ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')`` or
    any other way: its conv4 and conv5 go to every stage, where the weights for the maps start as 0, so that at first
    all stages compute what the ResNet does. The layers that make the maps keep their initial weights.

    Parameters are named as in MMPose's ``ResNet`` up to ``layer2`` (conv3), then ``stages.N.layer3``,
    ``stages.N.layer4``, ``stages.N.head.deconv_layers`` and ``stages.N.head.final_layer``.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_stages: Number of stages.
        num_keypoints: Number of joints K.
        deconv_out_channels: Channels of each deconvolution; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        **kwargs: Those of MMPose's ``ResNet`` but for ``strides``, ``dilations`` and ``out_indices``;
            ``frozen_stages`` is at most 2.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        depth: int,
        num_stages: int = 2,
        num_keypoints: int = 16,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        **kwargs: Any,
    ) -> None:
        _check_arguments(depth, num_stages, num_keypoints, kwargs)
        super().__init__(depth, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,), **kwargs)
        self.num_stages = num_stages  # ResNet's attribute of that name counts its layers, and is never read
        self.num_keypoints = num_keypoints
        # of the maps against the features of conv3, whose stride is 8
        self.scale = 2 ** len(deconv_out_channels or ()) * 8 / _STRIDE
        channels = self.feat_dim
        self.stages = ModuleList(  # MMEngine's, which hands init_weights() on
            _Stage(
                self._layer(2, channels + (num_keypoints if stage else 0), 2 * channels, kwargs),
                self._layer(3, 2 * channels, 4 * channels, kwargs),
                _HeatmapLayers(4 * channels, num_keypoints, deconv_out_channels, deconv_kernel_sizes),
            )
            for stage in range(num_stages)
        )

    def _layer(self, index: int, in_channels: int, out_channels: int, kwargs: dict[str, Any]) -> nn.Module:
        """The ResNet's layer of that index, conv4 or conv5."""
        return ResLayer(
            self.block,
            self.arch_settings[self.depth][1][index],
            in_channels,
            out_channels,
            expansion=self.expansion,
            stride=2,
            style=self.style,
            avg_down=kwargs.get('avg_down', False),
            with_cp=self.with_cp,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Maps of images.

        Args:
            inputs: (B, 3, h, w); h and w are multiples of 32.

        Returns:
            For each stage the maps (B, K, H, W), with three deconvolutions of a quarter of the inputs' size.

        Raises:
            ValueError: If h or w is something else.
        """
        height, width = inputs.shape[-2:]
        if height % _STRIDE or width % _STRIDE:
            raise ValueError(
                f"'inputs' must have a height and width that are multiples of {_STRIDE}, got {height}x{width}"
            )
        (features,) = super().forward(inputs)
        first, *others = self.stages
        maps = [first(features)]
        for stage in others:
            maps.append(stage(torch.cat((features, self._resized(maps[-1])), 1)))
        return tuple(maps)

    def _resized(self, maps: Tensor) -> Tensor:
        """Maps at the size of the features of conv3."""
        if self.scale > 1:
            return F.avg_pool2d(maps, int(self.scale))
        return maps if self.scale == 1 else F.interpolate(maps, scale_factor=1 / self.scale, mode='nearest')

    def train(self, mode: bool = True) -> 'MultiStageResNet':
        """As ResNet's, which freezes layers again; returns the network, as torch's modules do and ResNet does not."""
        super().train(mode)
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Give conv4 and conv5 of a plain ResNet to every stage before the modules below look for theirs."""
        wanted = [stage.state_dict() for stage in self.stages]
        layers = tuple(prefix + layer for layer in _OF_STAGES)
        for name in [name for name in state_dict if name.startswith(layers)]:
            weight, own = state_dict.pop(name), name[len(prefix) :]
            for number, shapes in enumerate(wanted):
                state_dict[f'{prefix}stages.{number}.{own}'] = self._with_map_channels(weight, shapes.get(own))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _with_map_channels(self, weight: Tensor, own: Tensor | None) -> Tensor:
        """A copy of a weight, with zeros for the maps where ``own``, a convolution's, has channels for them."""
        if own is not None and own.dim() == weight.dim() == 4 and own.shape[1] == weight.shape[1] + self.num_keypoints:
            return F.pad(weight, (0, 0, 0, 0, 0, self.num_keypoints))
        # stages must not share memory, which load_state_dict(assign=True) would let them
        return weight.clone()


def _check_arguments(depth: int, num_stages: int, num_keypoints: int, kwargs: dict[str, Any]) -> None:
    check_choice('depth', depth, tuple(ResNet.arch_settings))
    for name, value in (('num_stages', num_stages), ('num_keypoints', num_keypoints)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"'{name}' must be a whole number >= 1, got {value!r}")
    check_choice('frozen_stages', kwargs.get('frozen_stages', -1), (-1, 0, 1, 2))
