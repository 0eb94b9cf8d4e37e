"""Gaussian target maps, drawn as the outer product of two one-dimensional Gaussians.

A Gaussian with one sigma for both axes is separable, ``exp(-(x^2 + y^2) / (2 sigma^2)) = exp(-x^2 / (2 sigma^2)) *
exp(-y^2 / (2 sigma^2))``, so that H + W exponentials make a map of H * W cells. The same code serves NumPy arrays (data
workers) and torch tensors (any device, batched, without waiting for the device).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

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
        square = None if radius is None else np.array(radius * radius, centers.dtype)
        numbers = _numbers((size, size), sigma, centers.dtype.char)
        return _numpy_vectors(np.where(np.isnan(centers), numbers.infinity, centers), numbers, square)
    distance = torch.arange(size, dtype=centers.dtype, device=centers.device) - centers[..., None]
    square = distance * distance
    exponent = square * (-0.5 / sigma**2)
    # comparisons with NaN are false
    inside = exponent >= _LOWEST if radius is None else square <= radius * radius
    # the exponents are bounded as well: the exponential is as slow where its result is subnormal
    return torch.where(inside, exponent.clamp(min=_LOWEST).exp(), 0.0)


class _Numbers(NamedTuple):
    """What maps of one size and sigma have in common, as read-only arrays of one type.

    NumPy converts a number of Python in each call, which for one person takes as long as the arithmetic.
    """

    cells: np.ndarray  # 0, 1, ... on the longer side
    factor: np.ndarray  # of a squared distance in the exponent
    lowest: np.ndarray  # _LOWEST
    square_radius: np.ndarray
    begin: np.ndarray  # where the square of a joint touches the map: between these
    end: np.ndarray  # (x, y)
    zero: np.ndarray
    infinity: np.ndarray
    minus_infinity: np.ndarray


@lru_cache(maxsize=64)
def _numbers(size: tuple[int, int], sigma: float, kind: str) -> _Numbers:
    """The numbers of a kind (``dtype.char``, whose hash is cheap)."""
    radius = 3 * sigma
    ends, infinity = (size[0] + radius, size[1] + radius), float('inf')
    values = range(max(size)), -0.5 / sigma**2, _LOWEST, radius * radius, -radius - 2, ends, 0.0, infinity, -infinity
    numbers = _Numbers(*(np.array(value, kind) for value in values))
    for array in numbers:
        array.flags.writeable = False
    return numbers


def _numpy_vectors(centers: np.ndarray, numbers: _Numbers, square_radius: np.ndarray | None) -> np.ndarray:
    """:func:`gaussian_vectors` in NumPy for centers without NaN, with few calls: they cost more than the arithmetic."""
    exponent = numbers.cells - centers[..., None]
    exponent *= exponent
    outside = None if square_radius is None else exponent > square_radius
    exponent *= numbers.factor
    if outside is None:
        outside = exponent < numbers.lowest
    else:
        np.maximum(exponent, numbers.lowest, out=exponent)
    # The exponential of minus infinity is 0, and not slow as one with a subnormal result is.
    np.copyto(exponent, numbers.minus_infinity, where=outside)
    return np.exp(exponent, out=exponent)


def _numpy_targets(
    centers: np.ndarray, visible: np.ndarray, size: tuple[int, int], sigma: float, unbiased: bool
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`gaussian_targets` in NumPy for centers that are rounded unless ``unbiased``."""
    numbers = _numbers(size, sigma, centers.dtype.char)
    flags = numbers if visible.dtype == centers.dtype else _numbers(size, sigma, 'd')
    touches = (centers > numbers.begin) & (centers < numbers.end)
    # comparisons with NaN are false: such a joint touches nothing, and is not labeled
    drawn = (visible > flags.zero) & (visible < flags.infinity) & touches[..., 0] & touches[..., 1]
    centers = np.where(drawn[..., None], centers, numbers.infinity)  # which draws nothing
    vectors = _numpy_vectors(centers, numbers, None if unbiased else numbers.square_radius)
    return _product(vectors, size), drawn.astype(visible.dtype)


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
    # both axes in one call: for the few cells of a map the calls cost more than the numbers
    return _product(gaussian_vectors(centers, max(size), sigma, radius), size)


def _product(vectors: Array, size: Sequence[int]) -> Array:
    """Maps (..., H, W) from the Gaussians (..., 2, cells) of both axes."""
    width, height = size
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
    if isinstance(centers, np.ndarray):
        return _numpy_targets(centers, visible, size, sigma, unbiased)
    radius = 3 * sigma
    x, y = centers.unbind(-1)
    touches = (x < size[0] + radius) & (y < size[1] + radius) & (x > -radius - 2) & (y > -radius - 2)
    # comparisons with NaN are false: such a joint touches nothing, and is not labeled
    drawn = (visible > 0) & (visible < float('inf')) & touches
    # a joint that is not drawn gets a center that draws nothing
    weights, centers = drawn.to(visible.dtype), torch.where(drawn[..., None], centers, float('inf'))
    return render_gaussians(centers, size, sigma, None if unbiased else radius), weights
