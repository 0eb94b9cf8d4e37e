"""Where a heat map is highest, and the quarter shift that every framework decodes with."""

import math

import torch
from torch import Tensor

from .checks import check_shape

__all__ = ['find_peaks', 'find_volume_peaks', 'quarter_shift', 'volume_quarter_shift']


def find_peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell of every map.

    A map without a finite maximum above zero (all zero, negative, with a NaN or +inf in it) and a constant map show no
    joint: the cell is (0, 0) and the score is not above zero (a finite maximum below zero is kept). A maximum over
    NaN is NaN, so these checks read a few values a map and cost no second pass over it. Of equal maxima the first in
    reading order is taken.

    Args:
        heatmaps: (..., H, W), any float type.

    Returns:
        Cells (..., 2) as int64, x first, and scores (...) in the maps' type.
    """
    height, width = heatmaps.shape[-2:]
    # torch finds positions several times as slowly on the CPU as maxima, which are vectorised for runs of about a
    # hundred contiguous cells: take the maximum of such strips of rows first, then the position in the best strip only
    rows = math.gcd(height, 1 << max(128 // width, 1).bit_length() - 1)
    strips = heatmaps.reshape(-1, height // rows, rows * width)
    maxima = strips.amax(-1)
    best = maxima.max(-1).indices
    first = torch.arange(len(strips), device=strips.device) * strips.shape[1]
    strip = strips.flatten(0, 1).index_select(0, first + best)
    highest, index = strip.max(-1)
    scores = highest.nan_to_num(0.0, 0.0, 0.0)
    # every strip as high as the best, and nothing lower in that one
    constant = torch.minimum(maxima.amin(-1), strip.amin(-1)) == scores
    scores = torch.where(constant, scores.clamp(max=0), scores)
    y = torch.div(index, width, rounding_mode='floor')
    cells = torch.stack((index - y * width, best * rows + y), -1) * (scores > 0)[:, None]
    return cells.view(*heatmaps.shape[:-2], 2), scores.view(heatmaps.shape[:-2])


def neighbourhood(heatmaps: Tensor, cells: Tensor) -> Tensor:
    """The 3x3 cells around a cell (clamped at the border) of each map.

    Args:
        heatmaps: (N, H, W).
        cells: (N, 2) int64, x first.

    Returns:
        (N, 3, 3).
    """
    height, width = heatmaps.shape[-2:]
    steps = torch.arange(-1, 2, device=cells.device)
    x = (cells[:, 0, None] + steps).clamp(0, width - 1)
    y = (cells[:, 1, None] + steps).clamp(0, height - 1)
    index = (y * width)[:, :, None] + x[:, None, :]
    return heatmaps.flatten(-2).gather(-1, index.flatten(1)).view(-1, 3, 3)


def quarter_shift(heatmaps: Tensor, cells: Tensor) -> Tensor:
    """A quarter of a cell towards the higher neighbour, on each axis.

    This is the hand-made correction that DARK's paper measures itself against (equation 3 there; Newell et al., 2016).
    The rule at the border is that of the released programs and of MMPose: no shift along an axis whose cell is one of
    the first two or the last.

    Args:
        heatmaps: (..., H, W).
        cells: (..., 2) int64, x first; the highest cell of each map.

    Returns:
        Shifts (..., 2) in cells, x first: 0.25, -0.25 or 0.
    """
    check_shape('cells', cells, '... 2')
    height, width = heatmaps.shape[-2:]
    around = neighbourhood(heatmaps.reshape(-1, height, width), cells.reshape(-1, 2))
    rise = torch.stack((around[:, 1, 2] - around[:, 1, 0], around[:, 2, 1] - around[:, 0, 1]), -1)
    x, y = cells.reshape(-1, 2).unbind(-1)
    allowed_x = (x > 1) & (x < width - 1) & (y > 0) & (y < height)
    allowed_y = (y > 1) & (y < height - 1) & (x > 0) & (x < width)
    # comparisons instead of sign(): a difference of infinities is NaN, and compares as neither
    shift = 0.25 * ((rise > 0).float() - (rise < 0).float())
    return (shift * torch.stack((allowed_x, allowed_y), -1)).view(cells.shape)


def find_volume_peaks(volumes: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell of every volume, under the rules of :func:`find_peaks`.

    Args:
        volumes: (..., D, H, W), any float type.

    Returns:
        Cells (..., 3) as int64, x first, and scores (...) in the volumes' type.
    """
    height = volumes.shape[-2]
    # a volume as a map of D * H rows
    cells, scores = find_peaks(volumes.flatten(-3, -2))
    z = torch.div(cells[..., 1], height, rounding_mode='floor')
    return torch.stack((cells[..., 0], cells[..., 1] - z * height, z), -1), scores


def volume_quarter_shift(volumes: Tensor, cells: Tensor) -> Tensor:
    """A quarter of a cell towards the higher neighbour, on each axis, as in :func:`quarter_shift`.

    Args:
        volumes: (..., D, H, W).
        cells: (..., 3) int64, x first; the highest cell of each volume.

    Returns:
        Shifts (..., 3) in cells, x first: 0.25, -0.25 or 0.
    """
    check_shape('cells', cells, '... 3')
    depth, height, width = volumes.shape[-3:]
    flat = volumes.reshape(-1, depth, height, width)
    x, y, z = cells.reshape(-1, 3).unbind(-1)
    index = torch.arange(len(flat), device=flat.device)
    # two maps through the cell: the one at its depth, and that of depth and columns at its row
    shift_xy = quarter_shift(flat[index, z], torch.stack((x, y), -1))
    shift_z = quarter_shift(flat[index, :, y], torch.stack((x, z), -1))[:, 1:]
    return torch.cat((shift_xy, shift_z), -1).view(cells.shape)
