"""The highest cell of a heatmap, and the quarter shift that follows it in most pose estimators."""

import torch
from torch import Tensor

from .checks import check_floating, check_shape

__all__ = ['find_peaks', 'find_volume_peaks', 'quarter_shift', 'volume_quarter_shift']

_STRIP = 128  # cells; the maxima of such short rows are vectorized


def find_peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell of every map.

    What is computed::

        score, index = heatmap.flatten().max()            # of equal maxima the first in reading order
        cell = (index % W, index // W)                    # (x, y)
        if score is not a finite number above zero, or all cells are equal:
            cell = (0, 0), and the score is at most 0     # the map shows no joint

    So a map that is zero, negative or constant, or has a NaN or +inf in it, shows no joint. A finite maximum below zero
    is kept as the score; a NaN or infinite one becomes 0.

    How: on the CPU torch finds the position of a maximum several times more slowly than its value. So each map is cut
    into strips of a few rows, the maximum of every strip is taken, and the position is searched in the highest strip
    only.

    Args:
        heatmaps: (..., H, W), any floating-point type.

    Returns:
        Cells (..., 2) as int64, x first, and scores (...) in the type of the maps.

    Raises:
        ValueError: If the maps have no cell or a type that is not floating-point.

    Example:
        >>> import torch
        >>> find_peaks(torch.tensor([[0.1, 0.2, 0.1], [0.3, 0.9, 0.2]]))
        (tensor([1, 1]), tensor(0.9000))
    """
    height, width = _checked_sides(heatmaps)
    rows = _rows_of_strip(height, width)
    strips = heatmaps.reshape(-1, height // rows, rows * width)
    strip_maxima = strips.amax(-1)
    highest_strip = strip_maxima.max(-1).indices
    strip = _select_strips(strips, highest_strip)
    maximum, index = strip.max(-1)
    # a maximum over NaN is NaN, so that this finds a NaN anywhere in the map
    scores = maximum.nan_to_num(0.0, 0.0, 0.0)
    # constant: no strip is lower than the highest, and nothing is lower within that one
    constant = torch.minimum(strip_maxima.amin(-1), strip.amin(-1)) == scores
    scores = torch.where(constant, scores.clamp(max=0), scores)
    row = torch.div(index, width, rounding_mode='floor')
    cells = torch.stack((index - row * width, highest_strip * rows + row), -1) * (scores > 0)[:, None]
    return cells.view(*heatmaps.shape[:-2], 2), scores.view(heatmaps.shape[:-2])


def _checked_sides(heatmaps: Tensor) -> tuple[int, int]:
    """Height and width of maps with at least one cell."""
    check_floating('heatmaps', heatmaps)
    check_shape('heatmaps', heatmaps, '... H W')
    height, width = heatmaps.shape[-2:]
    if height == 0 or width == 0:
        raise ValueError(f"'heatmaps' must have at least one cell, got shape {tuple(heatmaps.shape)}")
    return height, width


def _rows_of_strip(height: int, width: int) -> int:
    """Rows of a strip: the largest power of two that divides the height and keeps the strip below its limit."""
    rows = 1
    while 2 * rows * width <= _STRIP and height % (2 * rows) == 0:
        rows *= 2
    return rows


def _select_strips(strips: Tensor, chosen: Tensor) -> Tensor:
    """One strip (N, cells) of each map (N, strips, cells), by its number (N,)."""
    first = torch.arange(strips.shape[0], device=strips.device) * strips.shape[1]
    return strips.flatten(0, 1).index_select(0, first + chosen)


def _neighborhood(heatmaps: Tensor, cells: Tensor) -> Tensor:
    """The 3x3 cells around a cell of each map; a cell beyond the border is the nearest one inside.

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
    return heatmaps.reshape(-1, height * width).gather(-1, index.view(-1, 9)).view(-1, 3, 3)


def quarter_shift(heatmaps: Tensor, cells: Tensor) -> Tensor:
    """A quarter of a cell towards the higher neighbor, on each axis.

    This is the correction by hand that DARK is compared with (Newell et al., ECCV 2016; equation 3 of Zhang et al.,
    CVPR 2020): ``0.25 * sign(h[x + 1] - h[x - 1])``. As in the official implementations and in MMPose, there is no
    shift along an axis whose cell is one of the first two or the last.

    Args:
        heatmaps: (..., H, W).
        cells: (..., 2) int64, x first; the highest cell of each map.

    Returns:
        Shifts (..., 2) in cells, x first: 0.25, -0.25 or 0.

    Raises:
        ValueError: If ``cells`` has another shape.

    Example:
        >>> import torch
        >>> rows = torch.tensor([0.0, 0.0, 1.0, 0.5])
        >>> quarter_shift(torch.outer(rows, rows), torch.tensor([2, 2]))
        tensor([0.2500, 0.2500])
    """
    check_shape('cells', cells, '... 2')
    height, width = heatmaps.shape[-2:]
    around = _neighborhood(heatmaps.reshape(-1, height, width), cells.reshape(-1, 2))
    rise_x, rise_y = around[:, 1, 2] - around[:, 1, 0], around[:, 2, 1] - around[:, 0, 1]
    x, y = cells.reshape(-1, 2).unbind(-1)
    allowed_x = (x > 1) & (x < width - 1) & (y > 0) & (y < height)
    allowed_y = (y > 1) & (y < height - 1) & (x > 0) & (x < width)
    # comparisons instead of sign(): the difference of infinities is NaN, which is neither above nor below 0
    higher, lower = torch.stack((rise_x > 0, rise_y > 0), -1), torch.stack((rise_x < 0, rise_y < 0), -1)
    shift = 0.25 * (higher.float() - lower.float())
    return (shift * torch.stack((allowed_x, allowed_y), -1)).view(cells.shape)


def find_volume_peaks(volumes: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell of every volume, under the rules of :func:`find_peaks`.

    Args:
        volumes: (..., D, H, W), any floating-point type.

    Returns:
        Cells (..., 3) as int64, x first, and scores (...) in the type of the volumes.

    Raises:
        ValueError: If the volumes have no cell or a type that is not floating-point.

    Example:
        >>> import torch
        >>> volume = torch.zeros(4, 3, 2)
        >>> volume[3, 2, 1] = 0.5
        >>> find_volume_peaks(volume)
        (tensor([1, 2, 3]), tensor(0.5000))
    """
    check_shape('volumes', volumes, '... D H W')
    depth, height, width = volumes.shape[-3:]
    # a volume is searched as a map of D * H rows
    cells, scores = find_peaks(volumes.reshape(*volumes.shape[:-3], depth * height, width))
    z = torch.div(cells[..., 1], height, rounding_mode='floor')
    return torch.stack((cells[..., 0], cells[..., 1] - z * height, z), -1), scores


def volume_quarter_shift(volumes: Tensor, cells: Tensor) -> Tensor:
    """A quarter of a cell towards the higher neighbor, on each of three axes, as in :func:`quarter_shift`.

    Args:
        volumes: (..., D, H, W).
        cells: (..., 3) int64, x first; the highest cell of each volume.

    Returns:
        Shifts (..., 3) in cells, x first: 0.25, -0.25 or 0.

    Raises:
        ValueError: If ``cells`` has another shape.

    Example:
        >>> import torch
        >>> side = torch.tensor([0.0, 0.0, 1.0, 0.5])
        >>> volume = side[:, None, None] * torch.outer(side, side)
        >>> volume_quarter_shift(volume, torch.tensor([2, 2, 2]))
        tensor([0.2500, 0.2500, 0.2500])
    """
    check_shape('cells', cells, '... 3')
    depth, height, width = volumes.shape[-3:]
    flat = volumes.reshape(-1, depth, height, width)
    x, y, z = cells.reshape(-1, 3).unbind(-1)
    index = torch.arange(flat.shape[0], device=flat.device)
    # two maps through the cell: the one at its depth, and the one of depth and columns at its row
    shift_xy = quarter_shift(flat[index, z], torch.stack((x, y), -1))
    shift_z = quarter_shift(flat[index, :, y], torch.stack((x, z), -1))[:, 1:]
    return torch.cat((shift_xy, shift_z), -1).view(cells.shape)
