"""The one home of every conversion between input pixels, heat-map cells and unit coordinates.

Cell ``i`` of a heat map sits at input pixel ``i * input / heatmap`` on each axis (the convention of MSRA's and DARK's
programs and of MMPose's ``MSRAHeatmap``; there is no half-cell shift)::

    input pixel    0   1   2   3   4   5   6   7   8        stride 4: input 192, heat map 48
    heat-map cell  0               1               2

Nobody else in this package multiplies by a stride. Points have their axes last, x first: (..., D) with D >= 2; axes
past y (depth) pass through unchanged. All functions take numpy arrays and torch tensors, on any device, without a
copy of a constant to the device (which would make the host wait).
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch

__all__ = [
    'heatmap_to_input',
    'heatmap_to_unit',
    'input_to_heatmap',
    'input_to_unit',
    'unit_to_heatmap',
    'unit_to_input',
]

Points = TypeVar('Points', np.ndarray, torch.Tensor)


def _scale_xy(points: Points, scale_x: float, scale_y: float) -> Points:
    if isinstance(points, torch.Tensor):
        # numbers instead of a tensor of scales, which would have to be copied to the device
        x, y, *others = points.unbind(-1)
        return torch.stack((x * scale_x, y * scale_y, *others), -1)
    dtype = points.dtype if points.dtype.kind == 'f' else np.float64
    return points * np.array((scale_x, scale_y, *(1.0,) * (points.shape[-1] - 2)), dtype)


def input_to_heatmap(points: Points, input_size: Sequence[int], heatmap_size: Sequence[int]) -> Points:
    """Input pixels to heat-map cells.

    Args:
        points: (..., D) in input pixels, x first.
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heat map in cells.

    Returns:
        Points of the same shape in heat-map cells.
    """
    return _scale_xy(points, heatmap_size[0] / input_size[0], heatmap_size[1] / input_size[1])


def heatmap_to_input(points: Points, input_size: Sequence[int], heatmap_size: Sequence[int]) -> Points:
    """Heat-map cells to input pixels: the inverse of :func:`input_to_heatmap`."""
    return _scale_xy(points, input_size[0] / heatmap_size[0], input_size[1] / heatmap_size[1])


def input_to_unit(points: Points, input_size: Sequence[int]) -> Points:
    """Input pixels to regression labels: pixels divided by the input size (w, h), 0 to 1 inside the picture."""
    return _scale_xy(points, 1 / input_size[0], 1 / input_size[1])


def unit_to_input(points: Points, input_size: Sequence[int]) -> Points:
    """Regression labels to input pixels: the inverse of :func:`input_to_unit`."""
    return _scale_xy(points, input_size[0], input_size[1])


def heatmap_to_unit(points: Points, heatmap_size: Sequence[int]) -> Points:
    """Heat-map cells to regression labels: cells divided by the map's size (W, H)."""
    return _scale_xy(points, 1 / heatmap_size[0], 1 / heatmap_size[1])


def unit_to_heatmap(points: Points, heatmap_size: Sequence[int]) -> Points:
    """Regression labels to heat-map cells: the inverse of :func:`heatmap_to_unit`."""
    return _scale_xy(points, heatmap_size[0], heatmap_size[1])
