"""Stacked hourglass: repeated bottom-up, top-down inference with predictions in between (Newell et al., ECCV 2016).

Size and cost for one image of 256x256 and 16 joints, on Newell's stem, beside table 5 of FPD (Zhang et al., 2019):

================= ============ =================== ===================== ====================
stacks x channels parameters   multiply-adds / 1e9 multiply-adds / 2**30 FPD's table
================= ============ =================== ===================== ====================
8 x 256           25.43 M      27.44               25.56                 26 M, 55 G
4 x 256           12.86 M      14.70               13.69                 13 M, 30 G
2 x 256           6.57 M       8.33                7.76                  7 M, 17 G
1 x 256           3.43 M       5.15                4.80                  3 M, 10 G
4 x 128           3.33 M       4.67                4.35                  3 M, 9 G
4 x 64            0.950 M      2.21                2.06                  0.95 M, 4.5 G
4 x 32            0.340 M      1.56                1.45                  0.34 M, 3.1 G
================= ============ =================== ===================== ====================

FPD's G is 1e9 operations, two for each multiply-add of a convolution, and its small networks keep Newell's wide stem:
that is why they cost so much. The official implementation of FPD narrows the stem too: 4 x 128 has 3.29 M and 3.91e9
multiply-adds there, 4 x 32 has 0.218 M and 0.27e9. The tables of HRNet and DARK call 2**30 multiply-adds one GFLOP
(:func:`~mmpose_ext.lab.profiling.complexity.paper_multiply_adds`). In that unit DARK's 2.7 and 4.9 for 4 and 8 stacks
at 128x96 are those of its code (2.68, 4.90), as are its 13.0 M; its 25.1 M for 8 stacks, and HRNet's 25.1 M and 19.1 G
at 256x256, are not: the code has 25.6 M, and 19.1 G is the network without the residual modules behind its hourglasses.
"""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmpose_ext.models.layers import Hourglass, PreactBottleneck, Prediction, residual_modules
from mmpose_ext.registry import MODELS

__all__ = ['StackedHourglass']


class _Stem(nn.Module):
    """From the image to features of a quarter of its size."""

    def __init__(self, stem_channels: tuple[int, int, int], feat_channels: int) -> None:
        super().__init__()
        first, second, third = stem_channels
        self.conv = nn.Conv2d(3, first, 7, stride=2, padding=3)
        self.bn = nn.BatchNorm2d(first)
        self.block1 = PreactBottleneck(first, second)
        self.block2 = PreactBottleneck(second, third)
        self.block3 = PreactBottleneck(third, feat_channels)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.block1(F.relu(self.bn(self.conv(inputs)), inplace=True))
        return self.block3(self.block2(F.max_pool2d(x, 2)))


class _Stack(nn.Module):
    """One hourglass, residual modules at its resolution, and its prediction."""

    def __init__(self, hourglass: Hourglass, blocks: nn.Sequential, prediction: Prediction) -> None:
        super().__init__()
        self.hourglass = hourglass
        self.blocks = blocks
        self.prediction = prediction

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, inner = self.hourglass(x)
        merged, maps = self.prediction(self.blocks(y), x)
        return merged, (*inner, maps)


def _check_whole(name: str, value: int, least: int, most: int | None = None) -> None:
    if not isinstance(value, int) or value < least or (most is not None and value > most):
        allowed = f'>= {least}' if most is None else f'from {least} to {most}'
        raise ValueError(f"'{name}' must be a whole number {allowed}, got {value!r}")


def _check_channels(feat_channels: int, stem_channels: Sequence[int]) -> tuple[int, int, int]:
    """The stem's channels; a residual module halves what it returns, so all but the first have to be even."""
    stem = tuple(stem_channels)
    if len(stem) != 3 or not all(isinstance(width, int) and width > 0 for width in stem) or stem[1] % 2 or stem[2] % 2:
        raise ValueError(
            f"'stem_channels' must be three whole numbers > 0, the last two of them even, got {stem_channels!r}"
        )
    if not isinstance(feat_channels, int) or feat_channels < 2 or feat_channels % 2:
        raise ValueError(f"'feat_channels' must be an even whole number > 0, got {feat_channels!r}")
    return stem


@MODELS.register_module()
class StackedHourglass(BaseModule):
    """Newell's stacked hourglass network; returns heatmaps, one set for each stack.

    The stem (7x7 convolution of stride 2, batch norm, ReLU; a residual module; max-pooling; two residual modules) gives
    features of a quarter of the image's size. Each stack passes them through an hourglass, residual modules, a 1x1
    convolution with batch norm and ReLU, and a 1x1 convolution to the maps; its features and maps are mapped back by a
    1x1 convolution each and added to the stack's input, which then is the input of the next one. All convolutions have
    a bias, the residual modules are pre-activated (:class:`~mmpose_ext.models.layers.PreactBottleneck`), upsampling is
    nearest. With the arguments below this is the same function as three published definitions, whose weights
    ``tools/convert_checkpoint.py`` brings here:

    ========================================= ===================================================================
    Newell's Torch code (``pose-hg-train``)   ``stem_channels=(64, 128, 128)``, whatever ``feat_channels``
    its PyTorch port (``PoseNet``)            the same, ``num_blocks=1``
    FPD's and DARK's code (``HourglassNet``)  ``stem_channels=(F // 4, F // 2, F)`` with ``F = feat_channels``
    ========================================= ===================================================================

    The networks of the paper's figures 8 and 9; all have about as many weights. HG-Stacked is HG-Stacked-Int whose head
    gives a loss to the last maps only:

    ================== ==========================================================
    HG                 ``num_stacks=1, num_blocks=8``
    HG-Int             ``num_stacks=1, num_blocks=8, inner_predictions=2``
    HG-Stacked(-Int)   ``num_stacks=2, num_blocks=4``
    figure 9           (``num_stacks``, ``num_blocks``) = (2, 4), (4, 2), (8, 1)
    ================== ==========================================================

    Weights start as torch's convolutions and batch norms do by themselves: uniform within 1/sqrt(fan_in), biases too,
    as in all three definitions, except that Torch drew the factors of its batch norms from [0, 1] and they are 1 here.

    Args:
        num_stacks: Number of hourglasses, 8 in the paper.
        feat_channels: Channels F of the features; an even number.
        num_blocks: Residual modules in each place of an hourglass, and behind it.
        num_keypoints: Number of joints K.
        stem_channels: Channels of the stem's convolution and of its first and second residual module; the third has F.
            The last two are even.
        depth: Number of poolings in an hourglass. With 4, images of 256x256 come down to 4x4.
        inner_predictions: Also predict, and map back, inside every hourglass: after the upsampling to so many of the
            next lower resolutions below the output's, with the same layers as behind it but without further residual
            modules. The paper's HG-Int has 2; at most ``depth - 1``.
        allow_uneven: Also take images whose maps do not halve ``depth`` times (see ``forward``), as DARK's code does
            for 128x96: pooling drops the last row or column of an odd map, nearest upsampling stretches to the size.
        init_cfg: MMEngine's initialization config; default None, see above.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        num_stacks: int,
        feat_channels: int = 256,
        num_blocks: int = 1,
        num_keypoints: int = 16,
        stem_channels: Sequence[int] = (64, 128, 128),
        depth: int = 4,
        inner_predictions: int = 0,
        allow_uneven: bool = False,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        for name, value in dict(
            num_stacks=num_stacks, num_blocks=num_blocks, num_keypoints=num_keypoints, depth=depth
        ).items():
            _check_whole(name, value, 1)
        _check_whole('inner_predictions', inner_predictions, 0, depth - 1)
        self.depth = depth
        self.allow_uneven = allow_uneven
        self.stem = _Stem(_check_channels(feat_channels, stem_channels), feat_channels)
        self.stacks = nn.ModuleList(
            _Stack(
                Hourglass(depth, feat_channels, num_blocks, num_keypoints, inner_predictions),
                residual_modules(feat_channels, num_blocks),
                # no stack follows the last maps, so that weights to map them back would get no gradient
                Prediction(feat_channels, num_keypoints, merge=number < num_stacks - 1),
            )
            for number in range(num_stacks)
        )

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Heatmaps of images.

        Args:
            inputs: (B, 3, h, w); h and w are multiples of 4 * 2**depth, that is of 64. With ``allow_uneven`` they are
                at least that and multiples of 4.

        Returns:
            For each stack the maps (B, K, h/4, w/4), the last stack's at the end. With ``inner_predictions=n`` the maps
            of each stack are preceded by those predicted inside of it, (B, K, h/4/2**i, w/4/2**i) for i = n, ..., 1.

        Raises:
            ValueError: If h or w is something else.
        """
        self._check_size(inputs)
        outputs: list[Tensor] = []
        features = self.stem(inputs)
        for stack in self.stacks:
            features, maps = stack(features)
            outputs += maps
        return tuple(outputs)

    def _check_size(self, inputs: Tensor) -> None:
        height, width = inputs.shape[-2:]
        smallest = 4 * 2**self.depth
        step = 4 if self.allow_uneven else smallest
        if min(height, width) < smallest or height % step or width % step:
            least = f' and at least {smallest}' if self.allow_uneven else ''
            raise ValueError(
                f"'inputs' must have a height and width that are multiples of {step}{least} "
                f'(depth={self.depth}, allow_uneven={self.allow_uneven}), got {height}x{width}'
            )
