"""The one place of every conversion between input pixels, heatmap cells and normalized coordinates.

Cell ``i`` of a heatmap sits at input pixel ``i * input / heatmap`` on each axis. This is the convention of the official
implementations of Simple Baselines (MSRA) and DARK and of MMPose's ``MSRAHeatmap``; there is no half-cell shift::

    input pixel    0   1   2   3   4   5   6   7   8        stride 4: input 192, heatmap 48
    heatmap cell   0               1               2

No other module multiplies by a stride. Points have their axes last, x first: (..., D) with D >= 2. Depth, the third
axis, is in millimeters behind the root joint where x and y are in input pixels. In normalized coordinates the root is
at 0.5, and a box of ``depth_range`` millimeters around it reaches from 0 to 1. Cell ``i`` of D cells sits at ``i / D``,
as on the other axes (the official implementation of integral regression subtracts 0.5 on all three axes). Axes for
which a function has no size pass through unchanged.

All functions take NumPy arrays and torch tensors on any device. They copy no constant to the device, which would make
the host wait.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from .checks import check_positive

__all__ = [
    'cell_sides',
    'depth_to_normalized',
    'heatmap_to_input',
    'heatmap_to_normalized',
    'input_to_heatmap',
    'input_to_normalized',
    'normalized_to_depth',
    'normalized_to_heatmap',
    'normalized_to_input',
]

Points = TypeVar('Points', np.ndarray, torch.Tensor)


def _scale(points: Points, scales: Sequence[float]) -> Points:
    """Points with their first axes multiplied."""
    if isinstance(points, torch.Tensor):
        return _scale_tensor(points, scales)
    dtype = points.dtype if points.dtype.kind == 'f' else np.float64
    return points * np.array((*scales, *(1.0,) * (points.shape[-1] - len(scales))), dtype)


def _scale_tensor(points: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    """The same with numbers instead of a tensor of scales, which would have to be copied to the device."""
    axes = points.unbind(-1)
    scaled = [axis * scale for axis, scale in zip(axes, scales, strict=False)]  # the other axes stay
    return torch.stack((*scaled, *axes[len(scales) :]), -1)


def _sides(name: str, size: Sequence[float], count: int | None = None) -> list[float]:
    """The sides of a size as numbers above zero, the first ``count`` of them."""
    sides = list(size)[:count]
    # exporters have symbols in place of numbers, which compare like them
    if not all(0 < side < float('inf') for side in sides):
        raise ValueError(f"'{name}' must hold finite numbers > 0, got {size!r}")
    return sides


def input_to_heatmap(points: Points, input_size: Sequence[float], heatmap_size: Sequence[float]) -> Points:
    """Input pixels to heatmap cells.

    Args:
        points: (..., D) in input pixels, x first.
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heatmap in cells.

    Returns:
        Points of the same shape in heatmap cells.

    Raises:
        ValueError: If a side is not a finite number above zero.

    Example:
        >>> import torch
        >>> input_to_heatmap(torch.tensor([8.0, 4.0]), (192, 256), (48, 64))
        tensor([2., 1.])
    """
    if isinstance(points, np.ndarray) and points.dtype.kind == 'f':
        return points * _cell_factors(tuple(input_size), tuple(heatmap_size), points.shape[-1], points.dtype.char)
    return _scale(points, _cells_per_pixel(input_size, heatmap_size))


def _cells_per_pixel(input_size: Sequence[float], heatmap_size: Sequence[float]) -> list[float]:
    """Cells per input pixel on x and y."""
    sides = zip(_sides('heatmap_size', heatmap_size, 2), _sides('input_size', input_size, 2), strict=True)
    return [cells / pixels for cells, pixels in sides]


@lru_cache(maxsize=64)
def _cell_factors(input_size: Sequence[float], heatmap_size: Sequence[float], axes: int, kind: str) -> np.ndarray:
    """The factors of :func:`input_to_heatmap` on all axes, of a kind (``dtype.char``, whose hash is cheap).

    A data worker asks for the same ones for each person. The array is read-only, because callers share it.
    """
    factors = _scale(np.ones(axes, kind), _cells_per_pixel(input_size, heatmap_size))
    factors.flags.writeable = False
    return factors


def heatmap_to_input(points: Points, input_size: Sequence[float], heatmap_size: Sequence[float]) -> Points:
    """Heatmap cells to input pixels: the inverse of :func:`input_to_heatmap`, with the same arguments.

    Example:
        >>> import torch
        >>> heatmap_to_input(torch.tensor([2.0, 1.0]), (192, 256), (48, 64))
        tensor([8., 4.])
    """
    sides = zip(_sides('input_size', input_size, 2), _sides('heatmap_size', heatmap_size, 2), strict=True)
    return _scale(points, [pixels / cells for pixels, cells in sides])


def cell_sides(input_size: Sequence[float], heatmap_size: Sequence[float]) -> tuple[float, float]:
    """Width and height of a heatmap cell in input pixels; arguments as in :func:`input_to_heatmap`.

    Example:
        >>> cell_sides((192, 256), (48, 32))
        (4.0, 8.0)
    """
    (width, height), (columns, rows) = _sides('input_size', input_size, 2), _sides('heatmap_size', heatmap_size, 2)
    return width / columns, height / rows


def input_to_normalized(points: Points, input_size: Sequence[float]) -> Points:
    """Input pixels to normalized coordinates: pixels divided by the input size (w, h), 0 to 1 inside the image.

    Args:
        points: (..., D) in input pixels, x first.
        input_size: (w, h) of the network input in pixels.

    Returns:
        Points of the same shape in normalized coordinates.

    Raises:
        ValueError: If a side is not a finite number above zero.

    Example:
        >>> import torch
        >>> input_to_normalized(torch.tensor([96.0, 64.0]), (192, 256))
        tensor([0.5000, 0.2500])
    """
    return _scale(points, [1 / side for side in _sides('input_size', input_size, 2)])


def normalized_to_input(points: Points, input_size: Sequence[float]) -> Points:
    """Normalized coordinates to input pixels: the inverse of :func:`input_to_normalized`, with the same arguments.

    Example:
        >>> import torch
        >>> normalized_to_input(torch.tensor([0.5, 0.25]), (192, 256))
        tensor([96., 64.])
    """
    return _scale(points, _sides('input_size', input_size, 2))


def depth_to_normalized(depth: Points, depth_range: float) -> Points:
    """Depth in millimeters behind the root joint, of any shape, to normalized depth, 0 to 1 inside the box.

    Raises:
        ValueError: If ``depth_range`` is not a finite number above zero.

    Example:
        >>> import torch
        >>> depth_to_normalized(torch.tensor([0.0, 500.0]), depth_range=2000.0)
        tensor([0.5000, 0.7500])
    """
    check_positive('depth_range', depth_range)
    return depth * (1 / depth_range) + 0.5


def normalized_to_depth(labels: Points, depth_range: float, root: float = 0.5) -> Points:
    """Normalized depth to millimeters behind the root joint: the inverse of :func:`depth_to_normalized`.

    ``root`` is the normalized depth of the root joint. It is 0 for lengths, such as standard deviations, which have no
    position.

    Raises:
        ValueError: If ``depth_range`` is not a finite number above zero.

    Example:
        >>> import torch
        >>> normalized_to_depth(torch.tensor([0.5, 0.75]), depth_range=2000.0)
        tensor([  0., 500.])
    """
    check_positive('depth_range', depth_range)
    return (labels - root) * depth_range


def heatmap_to_normalized(points: Points, heatmap_size: Sequence[float]) -> Points:
    """Heatmap cells to normalized coordinates: cells divided by the size (W, H) of a map or (W, H, D) of a volume.

    Raises:
        ValueError: If a side is not a finite number above zero.

    Example:
        >>> import torch
        >>> heatmap_to_normalized(torch.tensor([24.0, 16.0]), (48, 64))
        tensor([0.5000, 0.2500])
    """
    return _scale(points, [1 / side for side in _sides('heatmap_size', heatmap_size)])


def normalized_to_heatmap(points: Points, heatmap_size: Sequence[float]) -> Points:
    """Normalized coordinates to heatmap cells: the inverse of :func:`heatmap_to_normalized`, with the same arguments.

    Example:
        >>> import torch
        >>> normalized_to_heatmap(torch.tensor([0.5, 0.25]), (48, 64))
        tensor([24., 16.])
    """
    return _scale(points, _sides('heatmap_size', heatmap_size))
