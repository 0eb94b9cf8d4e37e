"""Gaussian target maps, drawn as the outer product of two one-dimensional Gaussians.

A Gaussian with one sigma for both axes is separable, ``exp(-(x^2 + y^2) / (2 sigma^2)) = exp(-x^2 / (2 sigma^2)) *
exp(-y^2 / (2 sigma^2))``, so that H + W exponentials make a map of H * W cells. The same code serves NumPy arrays (data
workers) and torch tensors (any device, batched, without waiting for the device).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from .checks import check_positive, check_shape, check_size

__all__ = ['gaussian_targets', 'gaussian_vectors', 'render_gaussians']

Array = TypeVar('Array', np.ndarray, torch.Tensor)

# Factors below exp(_LOWEST), 1e-18, are set to zero. Otherwise products of two of them would be subnormal numbers of
# float32, on which CPUs are many times slower. 1e-18 is 11 orders of magnitude below the resolution of float32 for a
# map with the maximum 1.
_LOWEST = -41.4


def gaussian_vectors(centers: Array, size: int, sigma: float, radius: float | None = None) -> Array:
    """Unnormalized one-dimensional Gaussians, 1 at their center.

    Args:
        centers: (...), in cells, of a floating-point type.
        size: Number of cells.
        sigma: Standard deviation in cells.
        radius: Cells further from the center than this are 0; None draws every cell.

    Returns:
        (..., size): ``exp(-(i - center)**2 / (2 * sigma**2))`` at cell ``i``; 0 everywhere for a NaN center.

    Example:
        >>> import torch
        >>> gaussian_vectors(torch.tensor(1.0), 4, sigma=1.0)
        tensor([0.6065, 1.0000, 0.6065, 0.1353])
    """
    if isinstance(centers, np.ndarray):
        return _numpy_vectors(centers, size, sigma, radius)
    distance = torch.arange(size, dtype=centers.dtype, device=centers.device) - centers[..., None]
    square = distance * distance
    exponent = square * (-0.5 / sigma**2)
    # comparisons with NaN are false
    inside = exponent >= _LOWEST if radius is None else square <= radius * radius
    # the exponents are bounded as well: the exponential is as slow where its result is subnormal
    return torch.where(inside, exponent.clamp(min=_LOWEST).exp(), 0.0)


@lru_cache(maxsize=64)
def _constant(values: Sequence[float], kind: str) -> np.ndarray:
    """An array of a kind (``dtype.char``, whose hash is cheap); read-only, because callers share it."""
    array = np.array(values, kind)
    array.flags.writeable = False
    return array


def _numpy_vectors(centers: np.ndarray, size: int, sigma: float, radius: float | None) -> np.ndarray:
    """:func:`gaussian_vectors` in NumPy, with few calls: for one person they cost more than the arithmetic."""
    square = _constant(range(size), centers.dtype.char) - centers[..., None]
    square *= square
    exponent = square * (-0.5 / sigma**2)
    if radius is None:
        inside = exponent >= _LOWEST
    else:
        inside = square <= radius * radius
        np.fmax(exponent, _LOWEST, out=exponent)
    # The exponential of minus infinity is 0, and not slow as one with a subnormal result is. NaN is not inside.
    np.copyto(exponent, -np.inf, where=~inside)
    return np.exp(exponent, out=exponent)


def render_gaussians(centers: Array, size: Sequence[int], sigma: float, radius: float | None = None) -> Array:
    """Gaussian maps with the maximum 1 at sub-cell positions.

    Args:
        centers: (..., 2) in cells, x first.
        size: (W, H) in cells.
        sigma: Standard deviation in cells.
        radius: Half side of the square outside which a map is 0; None draws every cell.

    Returns:
        (..., H, W); a map of zeros for a center with a NaN or infinite coordinate.

    Example:
        >>> import torch
        >>> render_gaussians(torch.tensor([1.0, 0.0]), (3, 2), sigma=1.0)
        tensor([[0.6065, 1.0000, 0.6065],
                [0.3679, 0.6065, 0.3679]])
    """
    width, height = size
    # both axes in one call: for the few cells of a map the calls cost more than the numbers
    vectors = gaussian_vectors(centers, max(width, height), sigma, radius)
    rows, columns = vectors[..., 1, :height, None], vectors[..., 0, None, :width]
    if isinstance(vectors, torch.Tensor):
        return rows * columns
    # NumPy's broadcast product of such short rows takes three times as long
    return (torch.from_numpy(rows) * torch.from_numpy(columns)).numpy()


def gaussian_targets(
    centers: Array, visible: Array, size: Sequence[int], sigma: float, unbiased: bool = True
) -> tuple[Array, Array]:
    """Target maps and loss weights of joints, with or without DARK's unbiased encoding.

    Unbiased (DARK, section 3.2): the Gaussian is centered on the exact sub-cell position and drawn over the whole map.
    Biased (Xiao et al., 2018, the baseline of DARK): the center is first rounded to the nearest cell, and the Gaussian
    ends 3 sigma from it. As in the official implementations, rounding is ``int(x + 0.5)``, which truncates towards
    zero.

    A joint is drawn, and has the weight 1, if it is labeled and its 3-sigma square touches the map. As in the official
    implementation, truncation lets the square be one cell further away. A joint is labeled if ``visible`` is a finite
    number above zero. Every other joint has the weight 0 and a map of zeros; so has one with a NaN or infinite
    coordinate. No NaN reaches the loss.
    MMPose's biased encoder can move the Gaussian by a cell where 3 sigma is not a whole number; this one does not.

    Args:
        centers: (..., K, 2) in cells, x first.
        visible: (..., K), above 0 for a labeled joint.
        size: (W, H) in cells.
        sigma: Standard deviation in cells, > 0.
        unbiased: Center on the exact position.

    Returns:
        Maps (..., K, H, W) and weights (..., K), each 0 or 1.

    Raises:
        ValueError: If a shape, the size or sigma is out of range.

    Example:
        >>> import torch
        >>> maps, weights = gaussian_targets(torch.tensor([[1.5, 1.0], [90.0, 1.0]]), torch.ones(2), (4, 3), sigma=1.0)
        >>> maps.amax((1, 2)), weights
        (tensor([0.8825, 0.0000]), tensor([1., 0.]))
    """
    check_shape('centers', centers, '... K 2')
    if tuple(visible.shape) != tuple(centers.shape[:-1]):
        raise ValueError(
            f"'visible' must have shape {tuple(centers.shape[:-1])}, one flag for each of the centers, "
            f'got {tuple(visible.shape)}'
        )
    check_positive('sigma', sigma)
    size = check_size('size', size)
    if not unbiased:
        centers = (np if isinstance(centers, np.ndarray) else torch).trunc(centers + 0.5)
    radius = 3 * sigma
    # comparisons with NaN are false: such a joint touches nothing, and is not labeled
    drawn = (visible > 0) & (visible < float('inf'))
    # a joint that is not drawn gets a center that draws nothing
    if isinstance(centers, np.ndarray):
        ends = _constant((size[0] + radius, size[1] + radius), centers.dtype.char)
        touches = (centers > -radius - 2) & (centers < ends)
        drawn = drawn & touches[..., 0] & touches[..., 1]
        weights, centers = drawn.astype(visible.dtype), np.where(drawn[..., None], centers, float('inf'))
    else:
        x, y = centers.unbind(-1)
        touches = (x < size[0] + radius) & (y < size[1] + radius) & (x > -radius - 2) & (y > -radius - 2)
        drawn = drawn & touches
        weights, centers = drawn.to(visible.dtype), torch.where(drawn[..., None], centers, float('inf'))
    return render_gaussians(centers, size, sigma, None if unbiased else radius), weights
