"""The layers between a backbone's feature map and a head's maps (Simple Baselines, Xiao et al., ECCV 2018).

Assigned to ``deconv_layers``, ``conv_layers`` and ``final_layer`` of a head, they carry the parameter names of MMPose's
heads, so that checkpoints of either load into the other.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from mmcv.cnn import build_conv_layer, build_upsample_layer
from torch import Tensor, nn

from mmpose_ext.functional import full_precision

__all__ = ['conv_stack', 'deconv_stack', 'final_conv', 'map_layers', 'predict_maps']

_ONE_BY_ONE = MappingProxyType({'kernel_size': 1})
# (padding, output_padding) with which a stride-2 deconvolution doubles the map exactly
_DECONV_PADDING = {4: (1, 0), 3: (1, 1), 2: (0, 0)}


def _pairs(name: str, channels: Sequence[int], kernel_sizes: Sequence[int] | None) -> list[tuple[int, int]]:
    sizes = () if kernel_sizes is None else tuple(kernel_sizes)
    if len(channels) != len(sizes):
        raise ValueError(
            f"'{name}_kernel_sizes' must have one entry for each of {name}_out_channels={channels!r}, "
            f'got {kernel_sizes!r}'
        )
    return list(zip(channels, sizes, strict=True))


def _with_norm_and_relu(layer: nn.Module, channels: int) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def deconv_stack(in_channels: int, out_channels: Sequence[int] | None, kernel_sizes: Sequence[int] | None) -> nn.Module:
    """Deconvolutions of stride 2, each with batch norm and ReLU: every one doubles the map.

    Args:
        in_channels: Channels of the feature map (B, C, H, W).
        out_channels: Channels of each layer; None or empty: no layer.
        kernel_sizes: 4, 3 or 2 for each layer.

    Returns:
        A module from (B, in_channels, H, W) to (B, out_channels[-1], H * 2**n, W * 2**n).

    Raises:
        ValueError: If the lengths differ or a kernel size has no exact doubling.
    """
    layers: list[nn.Module] = []
    for channels, kernel_size in _pairs('deconv', out_channels or (), kernel_sizes if out_channels else ()):
        if kernel_size not in _DECONV_PADDING:
            raise ValueError(f"'deconv_kernel_sizes' must hold only 2, 3 or 4, got {kernel_size!r}")
        padding, output_padding = _DECONV_PADDING[kernel_size]
        layer = build_upsample_layer(
            dict(
                type='deconv',
                in_channels=in_channels,
                out_channels=channels,
                kernel_size=kernel_size,
                stride=2,
                padding=padding,
                output_padding=output_padding,
                bias=False,
            )
        )
        layers += _with_norm_and_relu(layer, channels)
        in_channels = channels
    return nn.Sequential(*layers) if layers else nn.Identity()


def conv_stack(in_channels: int, out_channels: Sequence[int] | None, kernel_sizes: Sequence[int] | None) -> nn.Module:
    """Convolutions of stride 1, each with batch norm and ReLU; odd kernel sizes keep the map's size.

    Arguments and errors as with :func:`deconv_stack`.
    """
    layers: list[nn.Module] = []
    for channels, kernel_size in _pairs('conv', out_channels or (), kernel_sizes if out_channels else ()):
        layer = build_conv_layer(
            dict(
                type='Conv2d',
                in_channels=in_channels,
                out_channels=channels,
                kernel_size=kernel_size,
                stride=1,
                padding=(kernel_size - 1) // 2,
            )
        )
        layers += _with_norm_and_relu(layer, channels)
        in_channels = channels
    return nn.Sequential(*layers) if layers else nn.Identity()


def final_conv(in_channels: int, out_channels: int, final_layer: Mapping[str, Any] | None) -> nn.Module:
    """The last convolution, 1x1 unless ``final_layer`` says otherwise; None: no layer."""
    if final_layer is None:
        return nn.Identity()
    return build_conv_layer(
        dict(type='Conv2d', in_channels=in_channels, out_channels=out_channels, kernel_size=1) | dict(final_layer)
    )


def predict_maps(layer: nn.Module, features: Tensor) -> Tensor:
    """Maps that the last layer makes of features; without gradients in the type of its weights, also under autocast.

    A codec reads fractions of a cell from the differences of neighboring cells, for which the 8 bits of bfloat16 are
    few. Losses take maps of any type, and in training the features would be kept twice.

    Args:
        layer: The last convolution, or an ``Identity``.
        features: (B, C, H, W).

    Returns:
        Maps (B, K, H, W).
    """
    weight = next(layer.parameters(), None)
    if weight is None or torch.is_grad_enabled():
        return layer(features)
    with full_precision(features.device):
        return layer(features.to(weight.dtype))


def map_layers(
    in_channels: int,
    out_channels: int,
    deconv_out_channels: Sequence[int] | None = (256, 256, 256),
    deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
    conv_out_channels: Sequence[int] | None = None,
    conv_kernel_sizes: Sequence[int] | None = None,
    final_layer: Mapping[str, Any] | None = _ONE_BY_ONE,
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """All layers from a feature map to a map for each joint.

    Args:
        in_channels: Channels of the feature map.
        out_channels: Number of maps.
        deconv_out_channels: Channels of each deconvolution; None: no deconvolution (HRNet).
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these.
        final_layer: Arguments of the last convolution, a 1x1 one by default; None: no such layer.

    Returns:
        Modules for the attributes ``deconv_layers``, ``conv_layers`` and ``final_layer``.

    Raises:
        ValueError: If the lengths differ or a kernel size has no exact doubling.
    """
    deconv_layers = deconv_stack(in_channels, deconv_out_channels, deconv_kernel_sizes)
    channels = deconv_out_channels[-1] if deconv_out_channels else in_channels
    conv_layers = conv_stack(channels, conv_out_channels, conv_kernel_sizes)
    channels = conv_out_channels[-1] if conv_out_channels else channels
    return deconv_layers, conv_layers, final_conv(channels, out_channels, final_layer)
