"""Elliptical families of errors: densities, and the ellipses that hold a share of all errors.

The error e of a joint with the matrix C has the length ``m = sqrt(e^T C^-1 e)`` (Mahalanobis). In each family the
density depends on m alone, and C is the scale of the family:

==============  =======================================  ===========================================
``gaussian``    density ~ ``exp(-m^2 / 2)``              m^2 is chi-squared with D degrees of freedom
``laplace``     density ~ ``exp(-m)``                    m is gamma-distributed with the shape D
``student_t``   ~ ``(1 + m^2 / nu)^(-(nu + D) / 2)``     m^2 / D is F-distributed with D and nu degrees
``mixture``     Gaussians of C and of ``ratio * C``      the wide one has a share of all errors: wrong joints
``mixture3``    the same with two wide Gaussians         joints that are right, near, and somewhere else
==============  =======================================  ===========================================

C is the covariance of Gaussian errors. Laplace's have the covariance ``(D + 1) * C``, Student's t ``nu / (nu - 2) * C``
where nu is above 2, and none below. In a mixture C is the covariance of the narrow Gaussian, and the mean of the parts'
covariances, weighted by their shares, is that of all errors.

What a family needs beside C is its shape: nothing, nothing, (nu,), (share, ratio) of the wide Gaussian, or (share,
ratio, share, ratio) of two wide Gaussians. The narrow Gaussian has what the shares leave of 1.
"""

import math
from collections.abc import Sequence

import numpy as np

from .checks import check_choice, check_shape

__all__ = ['ERROR_FAMILIES', 'error_log_density', 'mahalanobis', 'region_radius']

ERROR_FAMILIES = ('gaussian', 'laplace', 'student_t', 'mixture', 'mixture3')
_WIDE_PARTS = {'mixture': 1, 'mixture3': 2}  # wide Gaussians of the mixtures


def mahalanobis(errors: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Lengths of errors in units of their covariances.

    Args:
        errors: (..., D).
        covariances: (..., D, D).

    Returns:
        (...), float64. Infinite for an error that is not finite, and for a covariance that is not finite or not
        positive definite: such a covariance says nothing, so that its region must not count as one that holds the
        error.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> mahalanobis(np.array([3.0, 4.0]), np.diag([9.0, 4.0])).round(3)
        np.float64(2.236)
    """
    errors, covariances = np.asarray(errors, np.float64), np.asarray(covariances, np.float64)
    dim = check_shape('errors', errors, '... D')['D']
    check_shape('covariances', covariances, '... D D', D=dim)
    usable = np.isfinite(errors).all(-1) & np.isfinite(covariances).all((-1, -2))
    safe = np.where(usable[..., None, None], covariances, np.eye(dim))
    values, axes = np.linalg.eigh(safe)
    usable &= values[..., 0] > 0
    along = (axes * np.where(usable[..., None], errors, 0.0)[..., :, None]).sum(-2)
    squared = (along**2 / np.where(values > 0, values, 1.0)).sum(-1)
    return np.where(usable, np.sqrt(squared), np.inf)


def error_log_density(
    errors: np.ndarray, covariances: np.ndarray, family: str = 'gaussian', shape: Sequence[float] = ()
) -> np.ndarray:
    """Logarithm of the density of errors.

    Args:
        errors: (..., D).
        covariances: (..., D, D), the scale of the family.
        family: One of ``ERROR_FAMILIES``.
        shape: Of the family: (), (), (nu,), (share, ratio) or (share, ratio, share, ratio).

    Returns:
        (...) in nats, minus infinity where :func:`mahalanobis` is infinite.

    Raises:
        ValueError: If a shape differs or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> error_log_density(np.zeros(2), np.eye(2)).round(4)
        np.float64(-1.8379)
    """
    _check(family, shape)
    dim = np.shape(errors)[-1]
    lengths = mahalanobis(errors, covariances)
    known = np.isfinite(lengths)
    # one determinant for each matrix, of which there may be fewer than errors; only those of known lengths are used
    finite = np.isfinite(covariances).all((-1, -2))[..., None, None]
    half_log_determinant = 0.5 * np.linalg.slogdet(np.where(finite, covariances, np.eye(dim)))[1]
    radial = _log_radial(np.where(known, lengths, 0.0), dim, family, shape)
    return np.where(known, radial - half_log_determinant, -np.inf)


def _log_radial(lengths: np.ndarray, dim: int, family: str, shape: Sequence[float]) -> np.ndarray:
    if family == 'gaussian':
        return -0.5 * lengths**2 - 0.5 * dim * math.log(2 * math.pi)
    if family in _WIDE_PARTS:
        shares, ratios = _parts(shape)
        parts = np.log(shares) - 0.5 * dim * np.log(2 * math.pi * ratios) - 0.5 * lengths[..., None] ** 2 / ratios
        total: np.ndarray = np.logaddexp.reduce(parts, -1)
        return total
    if family == 'laplace':
        return -lengths + math.lgamma(dim / 2) - math.lgamma(dim) - math.log(2) - 0.5 * dim * math.log(math.pi)
    (degrees,) = shape
    constant = math.lgamma((degrees + dim) / 2) - math.lgamma(degrees / 2) - 0.5 * dim * math.log(degrees * math.pi)
    return constant - 0.5 * (degrees + dim) * np.log1p(lengths**2 / degrees)


def region_radius(level: float, family: str = 'gaussian', dim: int = 2, shape: Sequence[float] = ()) -> float:
    """The Mahalanobis length that a share of all errors does not exceed: ``{e: e^T C^-1 e <= radius^2}`` holds it.

    Args:
        level: The share, above 0 and below 1.
        family: One of ``ERROR_FAMILIES``.
        dim: Number of axes D.
        shape: Of the family: (), (), (nu,), (share, ratio) or (share, ratio, share, ratio).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> round(region_radius(0.9), 4), round(region_radius(0.9, 'student_t', shape=(2.0,)), 4)
        (2.146, 4.2426)
    """
    _check(family, shape)
    if not 0 < level < 1:
        raise ValueError(f"'level' must be a number above 0 and below 1, got {level!r}")
    from scipy import special  # takes a part of a second, and this package is imported with every codec

    if family == 'gaussian':
        return float(np.sqrt(2 * special.gammaincinv(dim / 2, level)))
    if family == 'laplace':
        return float(special.gammaincinv(dim, level))
    if family == 'student_t':
        return float(np.sqrt(dim * special.fdtri(dim, shape[0], level)))
    from scipy import optimize

    shares, ratios = _parts(shape)

    def excess(squared: float) -> float:
        return float((shares * special.gammainc(dim / 2, squared / 2 / ratios)).sum()) - level

    # the narrowest and the widest Gaussian alone have radii on both sides
    low, high = (2 * special.gammaincinv(dim / 2, level) * factor for factor in (0.999, 1.001 * ratios.max()))
    return float(np.sqrt(optimize.brentq(excess, low, high, xtol=1e-10)))


def _parts(shape: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Shares (M,) and ratios (M,) of the Gaussians of a mixture, the narrow one first."""
    shares, ratios = np.array(shape[::2], np.float64), np.array(shape[1::2], np.float64)
    return np.append(1 - shares.sum(), shares), np.append(1.0, ratios)


def _check(family: str, shape: Sequence[float]) -> None:
    check_choice('family', family, ERROR_FAMILIES)
    values = tuple(shape)
    if family == 'student_t':
        fits, wanted = len(values) == 1 and 0 < values[0] < math.inf, '(degrees of freedom > 0,)'
    elif family in _WIDE_PARTS:
        shares, ratios = values[::2], values[1::2]
        fits = len(values) == 2 * _WIDE_PARTS[family] and all(1 <= ratio < math.inf for ratio in ratios)
        fits &= all(share > 0 for share in shares) and sum(shares) < 1
        wanted = ', '.join(['share > 0, ratio >= 1'] * _WIDE_PARTS[family])
        wanted = f'({wanted}) with shares below 1 in all'
    else:
        fits, wanted = not values, '()'
    if not fits:
        raise ValueError(f"'shape' must be {wanted} for the family {family!r}, got {shape!r}")
