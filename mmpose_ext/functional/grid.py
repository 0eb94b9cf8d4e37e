"""The one home of every conversion between input pixels, heat-map cells and unit coordinates.

Cell ``i`` of a heat map sits at input pixel ``i * input / heatmap`` on each axis (the convention of MSRA's and DARK's
programs and of MMPose's ``MSRAHeatmap``; there is no half-cell shift)::

    input pixel    0   1   2   3   4   5   6   7   8        stride 4: input 192, heat map 48
    heat-map cell  0               1               2

Nobody else in this package multiplies by a stride. Points have their axes last, x first: (..., D) with D >= 2. Depth,
the third axis, is in millimetres behind the root joint where x and y are in input pixels. In unit coordinates the root
is at 0.5, and a box of ``depth_range`` millimetres around it reaches from 0 to 1; cell ``i`` of D cells sits at
``i / D``, as on the other axes (the released program of integral regression takes 0.5 off all three). Axes for which a
function has no size pass through unchanged. All functions take numpy arrays and torch tensors, on any device, without a
copy of a constant to the device (which would make the host wait).
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch

__all__ = [
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
    """With numbers instead of a tensor of scales, which would have to be copied to the device."""
    axes = points.unbind(-1)
    moved = [axis * scale for axis, scale in zip(axes, scales, strict=False)]  # others stay
    return torch.stack((*moved, *axes[len(scales) :]), -1)


def input_to_heatmap(points: Points, input_size: Sequence[int], heatmap_size: Sequence[int]) -> Points:
    """Input pixels to heat-map cells.

    Args:
        points: (..., D) in input pixels, x first.
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heat map in cells.

    Returns:
        Points of the same shape in heat-map cells.
    """
    return _scale(points, (heatmap_size[0] / input_size[0], heatmap_size[1] / input_size[1]))


def heatmap_to_input(points: Points, input_size: Sequence[int], heatmap_size: Sequence[int]) -> Points:
    """Heat-map cells to input pixels: the inverse of :func:`input_to_heatmap`."""
    return _scale(points, (input_size[0] / heatmap_size[0], input_size[1] / heatmap_size[1]))


def input_to_normalized(points: Points, input_size: Sequence[int]) -> Points:
    """Input pixels to regression labels: pixels divided by the input size (w, h), 0 to 1 inside the picture."""
    return _scale(points, (1 / input_size[0], 1 / input_size[1]))


def normalized_to_input(points: Points, input_size: Sequence[int]) -> Points:
    """Regression labels to input pixels: the inverse of :func:`input_to_normalized`."""
    return _scale(points, (input_size[0], input_size[1]))


def depth_to_normalized(depth: Points, depth_range: float) -> Points:
    """Depth in millimetres behind the root joint, of any shape, to regression labels, 0 to 1 inside the box."""
    return depth * (1 / depth_range) + 0.5


def normalized_to_depth(labels: Points, depth_range: float, root: float = 0.5) -> Points:
    """Regression labels to millimetres behind the root joint: the inverse of :func:`depth_to_normalized`.

    ``root`` is where the root joint is: 0 for lengths, such as standard deviations, which have no place.
    """
    return (labels - root) * depth_range


def heatmap_to_normalized(points: Points, heatmap_size: Sequence[int]) -> Points:
    """Heat-map cells to regression labels: cells divided by the size (W, H) of a map or (W, H, D) of a volume."""
    return _scale(points, [1 / side for side in heatmap_size])


def normalized_to_heatmap(points: Points, heatmap_size: Sequence[int]) -> Points:
    """Regression labels to heat-map cells: the inverse of :func:`heatmap_to_normalized`."""
    return _scale(points, list(heatmap_size))
