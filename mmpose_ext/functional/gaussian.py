"""Gaussian target maps, drawn as the outer product of two one-dimensional Gaussians.

A Gaussian with one sigma for both axes is separable: H + W exponentials make a map of H * W cells. The same code
serves numpy arrays (data workers) and torch tensors (any device, batched, no host sync).
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from .checks import check_positive, check_shape, check_size

__all__ = ['gaussian_targets', 'gaussian_vectors', 'render_gaussians']

Array = TypeVar('Array', np.ndarray, torch.Tensor)

# Factors below exp(_LOWEST), 1e-18, are cut to zero: products of two then never fall into float32's subnormal numbers,
# on which CPUs are many times slower. That is 11 orders of magnitude below float32's resolution of a map that peaks
# at 1.
_LOWEST = -41.4


def _like(array: Any) -> tuple[Any, dict[str, Any]]:
    """The array's library, and the keywords that create another array beside it."""
    if isinstance(array, torch.Tensor):
        return torch, dict(dtype=array.dtype, device=array.device)
    return np, dict(dtype=array.dtype)


def gaussian_vectors(centers: Array, size: int, sigma: float, radius: float | None = None) -> Array:
    """Unnormalised one-dimensional Gaussians, 1 at their centre.

    Args:
        centers: (...), in cells, of a float type.
        size: Number of cells.
        sigma: Standard deviation in cells.
        radius: Cells further from the centre than this are 0; None draws every cell.

    Returns:
        (..., size): ``exp(-(i - center)**2 / (2 * sigma**2))`` at cell ``i``; 0 everywhere for a NaN centre.
    """
    xp, like = _like(centers)
    distance = xp.arange(size, **like) - centers[..., None]
    square = distance * distance
    exponent = square * (-0.5 / sigma**2)
    # comparisons with NaN are false
    inside = exponent >= _LOWEST if radius is None else square <= radius * radius
    # the exponents are cut as well: the exponential is as slow where its result is subnormal
    if isinstance(exponent, torch.Tensor):
        return xp.where(inside, exponent.clamp(min=_LOWEST).exp(), 0.0)
    # np.where would cost more than the exponentials of one person; fmax replaces NaN, which a product would keep
    return np.exp(np.fmax(exponent, _LOWEST)) * inside


def render_gaussians(centers: Array, size: Sequence[int], sigma: float, radius: float | None = None) -> Array:
    """Gaussian maps with the peak value 1 at sub-cell positions.

    Args:
        centers: (..., 2) in cells, x first.
        size: (W, H) in cells.
        sigma: Standard deviation in cells.
        radius: Half side of the square outside which a map is 0; None draws every cell.

    Returns:
        (..., H, W); a map of zeros for a centre with a NaN or infinite coordinate.
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

    Unbiased (DARK, section 3.2): the Gaussian is centred on the exact sub-cell position and drawn over the whole map.
    Biased (Xiao et al., 2018, and DARK's baseline): the centre is rounded to the nearest cell first and the Gaussian
    ends 3 sigma from it. As in the released programs, rounding is ``int(x + 0.5)``, which truncates towards zero.

    A joint is drawn if it is labelled (``visible >= 0.5``) and its 3-sigma square touches the map, with the released
    program's truncation that lets one cell more pass; a labelled joint beyond that gets weight 0. So does a joint with
    a NaN or infinite coordinate or a NaN flag: its map is zero, and no NaN reaches the loss. MMPose's biased encoder
    can move the Gaussian by a cell where 3 sigma is not a whole number; this one does not.

    Args:
        centers: (..., K, 2) in cells, x first.
        visible: (..., K), 1 for a labelled joint, 0 for one without a label.
        size: (W, H) in cells.
        sigma: Standard deviation in cells, > 0.
        unbiased: Centre on the exact position.

    Returns:
        Maps (..., K, H, W) and weights (..., K).

    Raises:
        ValueError: If a shape, the size or sigma is out of range.
    """
    check_shape('centers', centers, '... K 2')
    if tuple(visible.shape) != tuple(centers.shape[:-1]):
        raise ValueError(
            f"'visible' must have shape {tuple(centers.shape[:-1])}, one flag for each of the centers, "
            f'got {tuple(visible.shape)}'
        )
    check_positive('sigma', sigma)
    size = check_size('size', size)
    xp, _ = _like(centers)
    radius = 3 * sigma
    if not unbiased:
        centers = xp.trunc(centers + 0.5)
    x, y = centers[..., 0], centers[..., 1]
    # comparisons with NaN are false: such a joint touches nothing
    touches = (x < size[0] + radius) & (y < size[1] + radius) & (x > -radius - 2) & (y > -radius - 2)
    drawn = touches & (visible >= 0.5)
    weights = xp.where(drawn | (visible < 0.5), visible, 0.0)
    # an undrawn joint gets a centre that draws nothing
    centers = xp.where(drawn[..., None], centers, float('inf'))
    return render_gaussians(centers, size, sigma, None if unbiased else radius), weights
