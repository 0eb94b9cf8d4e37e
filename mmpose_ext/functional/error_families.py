"""Elliptical families of errors: densities, and the ellipses that hold a share of all errors.

The error e of a joint with the matrix C has the length ``m = sqrt(e^T C^-1 e)`` (Mahalanobis). In each family the
density depends on m alone, and C is the scale of the family:

==============  =======================================  ===========================================
``gaussian``    density ~ ``exp(-m^2 / 2)``              m^2 is chi-squared with D degrees of freedom
``laplace``     density ~ ``exp(-m)``                    m is gamma-distributed with the shape D
``student_t``   ~ ``(1 + m^2 / nu)^(-(nu + D) / 2)``     m^2 / D is F-distributed with D and nu degrees
``mixture``     Gaussians of C and of ``ratio * C``      the wide one has a share of all errors: wrong joints
==============  =======================================  ===========================================

C is the covariance of Gaussian errors. Laplace's have the covariance ``(D + 1) * C``, Student's t ``nu / (nu - 2) * C``
where nu is above 2, and none below; the mixture has ``(1 - share + share * ratio) * C``.

What a family needs beside C is its shape: nothing, nothing, (nu,) or (share, ratio).
"""

import math
from collections.abc import Sequence

import numpy as np

from .checks import check_choice, check_shape

__all__ = ['ERROR_FAMILIES', 'error_log_density', 'mahalanobis', 'region_radius']

ERROR_FAMILIES = ('gaussian', 'laplace', 'student_t', 'mixture')


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
        family: 'gaussian', 'laplace', 'student_t' or 'mixture'.
        shape: Of the family: (), (), (nu,) or (share, ratio).

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
    safe = np.where(known[..., None, None], covariances, np.eye(dim))
    half_log_determinant = 0.5 * np.linalg.slogdet(safe)[1]
    radial = _log_radial(np.where(known, lengths, 0.0), dim, family, shape)
    return np.where(known, radial - half_log_determinant, -np.inf)


def _log_radial(lengths: np.ndarray, dim: int, family: str, shape: Sequence[float]) -> np.ndarray:
    if family == 'gaussian':
        return -0.5 * lengths**2 - 0.5 * dim * math.log(2 * math.pi)
    if family == 'mixture':
        share, ratio = shape
        narrow = math.log1p(-share) - 0.5 * lengths**2
        wide = math.log(share) - 0.5 * dim * math.log(ratio) - 0.5 * lengths**2 / ratio
        return np.logaddexp(narrow, wide) - 0.5 * dim * math.log(2 * math.pi)
    if family == 'laplace':
        return -lengths + math.lgamma(dim / 2) - math.lgamma(dim) - math.log(2) - 0.5 * dim * math.log(math.pi)
    (degrees,) = shape
    constant = math.lgamma((degrees + dim) / 2) - math.lgamma(degrees / 2) - 0.5 * dim * math.log(degrees * math.pi)
    return constant - 0.5 * (degrees + dim) * np.log1p(lengths**2 / degrees)


def region_radius(level: float, family: str = 'gaussian', dim: int = 2, shape: Sequence[float] = ()) -> float:
    """The Mahalanobis length that a share of all errors does not exceed: ``{e: e^T C^-1 e <= radius^2}`` holds it.

    Args:
        level: The share, above 0 and below 1.
        family: 'gaussian', 'laplace', 'student_t' or 'mixture'.
        dim: Number of axes D.
        shape: Of the family: (), (), (nu,) or (share, ratio).

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

    share, ratio = shape

    def excess(squared: float) -> float:
        parts = special.gammainc(dim / 2, squared / 2), special.gammainc(dim / 2, squared / 2 / ratio)
        return (1 - share) * parts[0] + share * parts[1] - level

    # the narrow and the wide Gaussian alone have radii on both sides
    low, high = (2 * special.gammaincinv(dim / 2, level) * factor for factor in (0.999, 1.001 * ratio))
    return float(np.sqrt(optimize.brentq(excess, low, high, xtol=1e-10)))


def _check(family: str, shape: Sequence[float]) -> None:
    check_choice('family', family, ERROR_FAMILIES)
    values = tuple(shape)
    if family == 'student_t':
        fits, wanted = len(values) == 1 and 0 < values[0] < math.inf, '(degrees of freedom > 0,)'
    elif family == 'mixture':
        fits = len(values) == 2 and 0 < values[0] < 1 <= values[1] < math.inf
        wanted = '(share between 0 and 1, ratio >= 1)'
    else:
        fits, wanted = not values, '()'
    if not fits:
        raise ValueError(f"'shape' must be {wanted} for the family {family!r}, got {shape!r}")
