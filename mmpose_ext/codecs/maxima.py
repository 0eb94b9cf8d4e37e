"""Keypoints as maxima of maps or volumes: what codecs of maps decode with."""

import torch
from torch import Tensor

from mmpose_ext.functional import (
    dark_refine,
    find_peaks,
    find_volume_peaks,
    quarter_shift,
    volume_quarter_shift,
)

__all__ = ['float_maps', 'refined_maxima']


def float_maps(maps: Tensor) -> Tensor:
    """Maps of a type that maxima are searched in: float16, bfloat16 and float32 stay, all others become float32."""
    return maps if maps.is_floating_point() and maps.dtype != torch.float64 else maps.float()


def refined_maxima(
    maps: Tensor, decoding: str, blur_kernel_size: int | None = None, max_offset: float | None = 2.0
) -> tuple[Tensor, Tensor]:
    """The highest point of each map or volume, in cells.

    Args:
        maps: (B, K, H, W), or volumes (B, K, D, H, W).
        decoding: 'argmax', 'shift' (a quarter of a cell towards the higher neighbor) or, for maps alone, 'dark'.
        blur_kernel_size: Of 'dark', see :func:`mmpose_ext.functional.dark_refine`.
        max_offset: Of 'dark'.

    Returns:
        Points (B, K, 2 or 3) in cells, x first, and the values (B, K) at the highest cells, float32.
    """
    maps = float_maps(maps)
    volumes = maps.dim() == 5
    cells, scores = find_volume_peaks(maps) if volumes else find_peaks(maps)
    if decoding == 'dark':
        points = dark_refine(maps, cells, blur_kernel_size, max_offset)
    elif decoding == 'shift':
        points = cells + (volume_quarter_shift if volumes else quarter_shift)(maps, cells)
    else:
        points = cells.float()
    return points, scores.float()
