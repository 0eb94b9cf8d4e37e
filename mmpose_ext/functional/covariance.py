"""Covariances of keypoints: change of unit and of frame, mixtures, second moments and curvatures of maps.

A covariance (..., D, D) has the axes of its point, x first, and the square of its unit. It is the second moment of the
error about the predicted point, so that a bias of the point is part of it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_floating, check_shape
from .dark import kernel_variance, modulated_patches
from .peaks import find_peaks, find_volume_peaks

__all__ = [
    'map_covariances',
    'mixture_covariances',
    'scale_covariances',
    'second_moments',
    'transform_covariances',
    'uniform_covariances',
]

_CELL_VARIANCE = 1 / 12  # of a position that is uniform within its cell, in square cells
_FLOOR = 1e-10  # the smallest value whose logarithm is taken, as in DARK's decoding


def scale_covariances(covariances: Tensor, factors: Sequence[float]) -> Tensor:
    """Covariances after a change of the unit of each axis: ``C[i, j] * factors[i] * factors[j]``.

    No constant is copied to the device, which would make the host wait.

    Args:
        covariances: (..., D, D).
        factors: D new units per old unit; a negative factor mirrors an axis.

    Returns:
        (..., D, D).

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> scale_covariances(torch.tensor([[2.0, 1.0], [1.0, 3.0]]), (10, -1))
        tensor([[200., -10.],
                [-10.,   3.]])
    """
    check_shape('covariances', covariances, '... D D', D=len(factors))
    rows = [
        torch.stack([covariances[..., i, j] * (first * second) for j, second in enumerate(factors)], -1)
        for i, first in enumerate(factors)
    ]
    return torch.stack(rows, -2)


def transform_covariances(covariances: Tensor, matrix: Tensor) -> Tensor:
    """Covariances of points that a linear map moves: ``A @ C @ A.T``.

    Args:
        covariances: (..., D, D).
        matrix: The map A (..., D, D), or an affine map (..., D, D + 1), whose last column does not change covariances.

    Returns:
        (..., D, D).

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> quarter_turn = torch.tensor([[0.0, -1.0, 5.0], [1.0, 0.0, 7.0]])
        >>> transform_covariances(torch.tensor([[4.0, 1.0], [1.0, 9.0]]), quarter_turn)
        tensor([[ 9., -1.],
                [-1.,  4.]])
    """
    dim = check_shape('covariances', covariances, '... D D')['D']
    if matrix.dim() < 2 or matrix.shape[-2] != dim or matrix.shape[-1] not in (dim, dim + 1):
        raise ValueError(f"'matrix' must have shape (..., {dim}, {dim} or {dim + 1}), got {tuple(matrix.shape)}")
    linear = matrix[..., :dim]
    # sums of products: a matrix product would be computed in half precision under autocast
    half = (linear[..., :, :, None] * covariances[..., None, :, :]).sum(-2)
    return (half[..., :, None, :] * linear[..., None, :, :]).sum(-1)


def mixture_covariances(first: Tensor, second: Tensor, points: Tensor, others: Tensor) -> Tensor:
    """Covariance of the mean point of two predictions, each of which is right with a probability of one half.

    It is ``(C1 + C2) / 2 + d @ d.T`` with half the difference ``d`` of the points: predictions that disagree are less
    certain than each of them says. It is not the (smaller) covariance of the mean of independent predictions, which
    those of an image and of its mirror image are not.

    Args:
        first: (..., D, D).
        second: (..., D, D).
        points: (..., D) of the first prediction.
        others: (..., D) of the second one.

    Returns:
        (..., D, D).

    Example:
        >>> import torch
        >>> mixture_covariances(torch.eye(2), torch.eye(2), torch.tensor([0.0, 0.0]), torch.tensor([4.0, 0.0]))
        tensor([[5., 0.],
                [0., 1.]])
    """
    half = (points - others) * 0.5
    return (first + second) * 0.5 + half[..., :, None] * half[..., None, :]


def uniform_covariances(lengths: Sequence[float], like: Tensor) -> Tensor:
    """Covariance of a position of which nothing is known but that it is inside a box.

    Args:
        lengths: D sides of the box.
        like: Any tensor; type and device of the result.

    Returns:
        (D, D), ``lengths ** 2 / 12`` on the diagonal.

    Example:
        >>> import torch
        >>> uniform_covariances((6, 12), torch.zeros(1))
        tensor([[ 3.,  0.],
                [ 0., 12.]])
    """
    return scale_covariances(torch.eye(len(lengths), dtype=like.dtype, device=like.device) / 12, lengths)


def second_moments(weights: Tensor, points: Tensor) -> Tensor:
    """Second moments of maps or volumes about points, as of probabilities.

    A map is divided by its sum. 1/12 is added on each axis, the variance of a position within its cell, so that the
    covariance of a map with all its weight in one cell is not singular.

    Args:
        weights: (..., H, W) or, with points of three axes, (..., D, H, W); zero or more.
        points: (..., 2 or 3) in cells, x first.

    Returns:
        (..., 2, 2) or (..., 3, 3) in square cells, float32 (float64 of such weights). Where the sum of the weights is
        not a finite number above zero, or the point is not finite, the covariance of a uniform map.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> weights = torch.zeros(3, 5)
        >>> weights[1, 0], weights[1, 4] = 1, 1
        >>> second_moments(weights, torch.tensor([2.0, 1.0])).round(decimals=2)
        tensor([[4.0800, 0.0000],
                [0.0000, 0.0800]])
    """
    dim = int(points.shape[-1])
    check_shape('weights', weights, '... D H W' if dim == 3 else '... H W')
    check_floating('weights', weights)
    weights = weights if weights.dtype == torch.float64 else weights.float()
    sides = [int(side) for side in weights.shape[-1 : -1 - dim : -1]]  # x first
    offsets = [
        torch.arange(side, dtype=weights.dtype, device=weights.device) - points[..., axis, None].to(weights.dtype)
        for axis, side in enumerate(sides)
    ]
    # axis a of points is dimension -1 - a of the map; what is left after the sums are dimensions b and a
    planes = {(a, b): _plane(weights, a, b, dim) for a in range(dim) for b in range(a + 1, dim)}
    total = planes[0, 1].sum((-2, -1))
    moments = {
        (a, b): (plane * offsets[b][..., :, None] * offsets[a][..., None, :]).sum((-2, -1)) / total
        for (a, b), plane in planes.items()
    }
    for a in range(dim):
        vector = planes[a, a + 1].sum(-2) if a + 1 < dim else planes[a - 1, a].sum(-1)
        moments[a, a] = (vector * offsets[a].square()).sum(-1) / total + _CELL_VARIANCE
    rows = [torch.stack([moments[min(i, j), max(i, j)] for j in range(dim)], -1) for i in range(dim)]
    found = torch.stack(rows, -2)
    known = (total > 0) & found.isfinite().all(-1).all(-1)
    return torch.where(known[..., None, None], found, uniform_covariances(sides, found))


def _plane(weights: Tensor, a: int, b: int, dim: int) -> Tensor:
    """Sums over the one axis of a volume that is neither ``a`` nor ``b``; maps as they are."""
    return weights if dim == 2 else weights.sum(-1 - (3 - a - b))


def map_covariances(maps: Tensor, blur_kernel_size: int | None = None) -> Tensor:
    """Covariances of the Gaussians that fit maps or volumes at their highest cell.

    DARK takes the logarithm of a map for a quadratic function (equation 4 of the paper). Its Hessian H, by the same
    differences as in :func:`dark_refine`, is then minus the inverse covariance of a Gaussian: ``C = -inverse(H)``. The
    modulation adds the variance of its kernel to that of a Gaussian, which is taken off again. A map that is a Gaussian
    is reproduced, also a rotated one.

    In maps the standard deviation on each main axis is bounded by that of a position within its cell, .29 cells, and
    by that of a uniform map. Where the Hessian is not negative definite or cannot be computed, the result is that of
    :func:`second_moments` of the values above zero. A map that shows no keypoint (see :func:`find_peaks`) has the
    covariance of a uniform map.

    Args:
        maps: (..., H, W), or with five dimensions volumes (B, K, D, H, W), any floating-point type.
        blur_kernel_size: Odd side of the modulation kernel of maps; None: no modulation.

    Returns:
        (..., 2, 2) or (B, K, 3, 3) in square cells, positive definite, float32.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from mmpose_ext.functional import render_gaussians
        >>> heatmap = render_gaussians(torch.tensor([[20.25, 30.5]]), (48, 64), sigma=2.0)
        >>> map_covariances(heatmap, blur_kernel_size=11).round(decimals=1).abs()
        tensor([[[4., 0.],
                 [0., 4.]]])
    """
    check_floating('maps', maps)
    values = maps.float()
    dim = 3 if maps.dim() == 5 else 2
    cells, scores = find_volume_peaks(values) if dim == 3 else find_peaks(values)
    flat, flat_cells = values.reshape(-1, *values.shape[-dim:]), cells.reshape(-1, dim)
    fitted, exists = _fitted_volumes(flat, flat_cells) if dim == 3 else _fitted_maps(flat, flat_cells, blur_kernel_size)
    shows_keypoint = scores.reshape(-1, *(1,) * dim) > 0
    spread = second_moments(torch.where(shows_keypoint, flat.clamp(min=0), 0.0), flat_cells)
    found = torch.where((exists & (scores.flatten() > 0))[:, None, None], fitted, spread)
    return found.view(*scores.shape, dim, dim)


def _second_derivatives(
    maps: Tensor, cells: Tensor, blur_kernel_size: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the logarithm of maps (N, H, W) at cells (N, 2): dxx, dyy and dxy, and whether the map has the cells."""
    height, width = (int(side) for side in maps.shape[-2:])
    if height < 5 or width < 5:
        nothing = maps.new_zeros(maps.shape[0])
        return nothing, nothing, nothing, nothing > 0
    # the logarithm of a Gaussian has the same curvature everywhere: the nearest cell with all its neighbors will do
    inner = torch.stack((cells[:, 0].clamp(2, width - 3), cells[:, 1].clamp(2, height - 3)), -1)
    p = modulated_patches(maps, inner, blur_kernel_size)
    p = (p / p.amax((1, 2), keepdim=True)).clamp_min(_FLOOR).log()
    dxx = 0.25 * (p[:, 2, 4] - 2 * p[:, 2, 2] + p[:, 2, 0])
    dyy = 0.25 * (p[:, 4, 2] - 2 * p[:, 2, 2] + p[:, 0, 2])
    dxy = 0.25 * (p[:, 3, 3] - p[:, 1, 3] - p[:, 3, 1] + p[:, 1, 1])
    return dxx, dyy, dxy, dxx.isfinite() & dyy.isfinite() & dxy.isfinite()


def _fitted_maps(maps: Tensor, cells: Tensor, blur_kernel_size: int | None) -> tuple[Tensor, Tensor]:
    """Covariances (N, 2, 2) by the curvature of maps (N, H, W), and where it gives one (N,)."""
    dxx, dyy, dxy, exists = _second_derivatives(maps, cells, blur_kernel_size)
    determinant = dxx * dyy - dxy * dxy
    exists = exists & (dxx < 0) & (determinant > 0)
    divisor = torch.where(exists, -determinant, 1.0)
    blur = 0.0 if blur_kernel_size is None else kernel_variance(int(blur_kernel_size))
    xx, yy, xy = dyy / divisor - blur, dxx / divisor - blur, -dxy / divisor
    # bounds on the eigenvalues middle - radius and middle + radius
    middle, skew = (xx + yy) / 2, (xx - yy) / 2
    radius = (skew.square() + xy.square()).sqrt()
    largest = (max(int(side) for side in maps.shape[-2:]) ** 2) / 12
    low, high = ((middle + sign * radius).clamp(_CELL_VARIANCE, largest) for sign in (-1, 1))
    middle, factor = (low + high) / 2, torch.where(radius > 0, (high - low) / 2 / radius, 0.0)
    skew, xy = skew * factor, xy * factor
    rows = torch.stack((middle + skew, xy), -1), torch.stack((xy, middle - skew), -1)
    found = torch.stack(rows, -2)
    return found, exists & found.isfinite().all(-1).all(-1)


def _fitted_volumes(volumes: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Covariances (N, 3, 3) by the curvature of volumes (N, D, H, W), and where it gives one (N,).

    The Hessian of a volume is put together from those of the three planes through the cell.
    """
    index = torch.arange(volumes.shape[0], device=volumes.device)
    x, y, z = cells.unbind(-1)
    planes = volumes[index, z], volumes[index, :, y], volumes[index, :, :, x]  # (H, W), (D, W) and (D, H)
    pairs = torch.stack((x, y), -1), torch.stack((x, z), -1), torch.stack((y, z), -1)
    (xx, yy, xy, in_xy), (_, zz, xz, in_xz), (_, _, yz, in_yz) = (
        _second_derivatives(plane, pair, None) for plane, pair in zip(planes, pairs, strict=True)
    )
    a, b, c, d, e, f = (-value for value in (xx, yy, zz, xy, xz, yz))
    # the inverse of a symmetric matrix by its cofactors
    cofactors = (b * c - f * f, a * c - e * e, a * b - d * d, e * f - c * d, d * f - b * e, d * e - a * f)
    determinant = a * cofactors[0] + d * cofactors[3] + e * cofactors[4]
    exists = in_xy & in_xz & in_yz & (a > 0) & (cofactors[2] > 0) & (determinant > 0)
    va, vb, vc, vd, ve, vf = (value / torch.where(exists, determinant, 1.0) for value in cofactors)
    rows = torch.stack((va, vd, ve), -1), torch.stack((vd, vb, vf), -1), torch.stack((ve, vf, vc), -1)
    found = torch.stack(rows, -2)
    largest = (max(int(side) for side in volumes.shape[1:]) ** 2) / 12
    return found, exists & (found.abs() <= largest).all(-1).all(-1)
