"""Families of errors in units of their predicted covariances, fitted by maximum likelihood joint by joint."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from mmpose_ext.functional import error_log_density

__all__ = ['FamilyFit', 'fit_family', 'negative_log_likelihoods', 'squared_lengths']

_SPREAD_OF_ONE = 2.0  # variance of the logarithm of a scale that one label gives; it is this over n for n labels
_FEWEST = 20  # labeled joints below which a joint has the scale of all
_DEGREES = (0.3, 200.0)  # smallest and largest degrees of freedom that are tried
_WIDE_PARTS = {'mixture': 1, 'mixture3': 2}  # wide Gaussians of the mixtures
_SMALLEST_SHARE = 1e-4  # of a Gaussian of a mixture
_AXES = 2


@dataclass(frozen=True)
class FamilyFit:
    """A family of errors that was fitted to lengths.

    Args:
        family: One of ``mmpose_ext.functional.ERROR_FAMILIES``.
        shape: Of the family, see :mod:`mmpose_ext.functional.error_families`.
        scale: Factor of the covariances of all joints.
        joint_scales: (K,) factor of each joint.
        nll: Mean negative log-likelihood of people who were left out of the fit, in nats, but for the covariances'
            determinants, which are the same for all families.
        coverage_error: Largest distance of the coverage of these people from the level, over the levels.
    """

    family: str
    shape: tuple[float, ...]
    scale: float
    joint_scales: np.ndarray
    nll: float = math.nan
    coverage_error: float = math.nan


def fit_family(lengths: np.ndarray, labeled: np.ndarray, family: str) -> FamilyFit:
    """Fit the scale, joint by joint, and the shape of one family by maximum likelihood.

    The scale of a joint is drawn to that of all joints by its uncertainty (empirical Bayes), on a logarithmic scale: by
    ``v / (v + t)``, where v is the variance that its number of labels leaves, and t the variance of the true scales
    over the joints. A joint with fewer than 20 labels has the scale of all.

    Args:
        lengths: (P, K) Mahalanobis lengths of the errors, see :func:`mmpose_ext.functional.mahalanobis`.
        labeled: (P, K) which of them count; lengths that are not finite do not.
        family: One of ``mmpose_ext.functional.ERROR_FAMILIES``.

    Raises:
        ValueError: If no length counts.
    """
    counted = labeled & np.isfinite(lengths)
    if not counted.any():
        raise ValueError("'labeled' must have a joint with a finite error, got none")
    squares = squared_lengths(lengths, counted)
    if family in ('gaussian', 'laplace'):
        return FamilyFit(family, (), *_scales(squares, counted, family, ()))
    if family in _WIDE_PARTS:
        return _fit_mixture(squares, counted, family)
    return _fit_student_t(squares, counted)


def squared_lengths(lengths: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Squares (P, K) of the lengths that count; a length of 0 would make a scale of 0."""
    squares: np.ndarray = np.maximum(np.where(counted, lengths, 0.0) ** 2, 1e-12)
    return squares


def _fit_student_t(squares: np.ndarray, counted: np.ndarray) -> FamilyFit:
    """The degrees of freedom with the greatest likelihood, and the scales that belong to them."""

    def fit(log_degrees: float) -> FamilyFit:
        shape = (math.exp(log_degrees),)
        return FamilyFit('student_t', shape, *_scales(squares, counted, 'student_t', shape))

    def loss(log_degrees: float) -> float:
        return float(negative_log_likelihoods(squares, counted, fit(log_degrees)).mean())

    bounds = (math.log(_DEGREES[0]), math.log(_DEGREES[1]))
    best = optimize.minimize_scalar(loss, bounds=bounds, method='bounded', options=dict(xatol=1e-3))
    return fit(float(best.x))


def _fit_mixture(squares: np.ndarray, counted: np.ndarray, family: str) -> FamilyFit:
    """The shape of all joints and the scale of each in turns, from scales that outliers change little."""
    scales = _scales(squares, counted, 'student_t', (2.0,))[1]
    for _ in range(10):
        shape = _mixture_shape((squares / scales)[counted], _WIDE_PARTS[family])
        fit = FamilyFit(family, shape, *_scales(squares, counted, family, shape))
        change = np.ptp(np.log(fit.joint_scales / scales))  # a common factor changes no shape
        scales = fit.joint_scales
        if change < 1e-3:
            break
    return fit


def _mixture_shape(squares: np.ndarray, wide_parts: int) -> tuple[float, ...]:
    """Share and ratio of each wide Gaussian, the widest last, of squared lengths (N,), by expectation maximization."""
    variances = np.quantile(squares, np.linspace(0.3, 0.97, wide_parts + 1)) / _AXES
    shares = np.full(wide_parts + 1, 1 / (wide_parts + 1))
    for _ in range(500):
        weights = _part_weights(squares, shares, variances)
        before, shares = shares, np.maximum(weights.mean(1), _SMALLEST_SHARE)
        shares = shares / shares.sum()
        variances = np.maximum((weights * squares).sum(1) / (weights.sum(1) + 1e-9) / _AXES, 1e-12)
        if np.abs(shares - before).max() < 1e-5:
            break
    order = np.argsort(variances)
    ratios = variances[order] / variances[order[0]]
    return tuple(float(value) for pair in zip(shares[order[1:]], ratios[1:], strict=True) for value in pair)


def _part_weights(squares: np.ndarray, shares: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Probability (M, N) of each error that it is of each Gaussian of a mixture."""
    logs = (np.log(shares) - 0.5 * _AXES * np.log(variances))[:, None] - 0.5 * squares / variances[:, None]
    weights: np.ndarray = np.exp(logs - logs.max(0))
    return weights / weights.sum(0)


def _scales(squares: np.ndarray, counted: np.ndarray, family: str, shape: Sequence[float]) -> tuple[float, np.ndarray]:
    """The scale of all joints, and of each."""
    overall = _scale(squares[counted], family, shape)
    labels = counted.sum(0)
    joints = np.flatnonzero(labels >= _FEWEST)
    logs = np.array([math.log(_scale(squares[counted[:, joint], joint], family, shape)) for joint in joints])
    noise = _SPREAD_OF_ONE / np.maximum(labels[joints], 1)
    spread = max(float(np.var(logs) - noise.mean()), 0.0) if len(joints) else 0.0
    share = spread / (spread + noise)
    scales = np.full(squares.shape[1], overall)
    scales[joints] = np.exp(share * logs + (1 - share) * math.log(overall))
    return overall, scales


def _scale(squares: np.ndarray, family: str, shape: Sequence[float]) -> float:
    """Maximum likelihood of the scale of squared lengths (N,)."""
    if family == 'gaussian':
        return float(squares.mean() / _AXES)
    if family == 'laplace':
        return float((np.sqrt(squares).mean() / _AXES) ** 2)
    shares, ratios = np.array(shape[::2]), np.array(shape[1::2])
    shares, ratios = np.append(1 - shares.sum(), shares), np.append(1.0, ratios)
    scale = float(np.median(squares)) / _AXES
    for _ in range(200):  # expectation maximization, which rises at every step
        if family == 'student_t':
            weights = (shape[0] + _AXES) / (shape[0] + squares / scale)
        else:
            weights = (_part_weights(squares, shares, scale * ratios) / ratios[:, None]).sum(0)
        new = float((weights * squares).mean() / _AXES)
        if abs(new - scale) <= 1e-6 * scale:
            return new
        scale = new
    return scale


def negative_log_likelihoods(squares: np.ndarray, counted: np.ndarray, fit: FamilyFit) -> np.ndarray:
    """Of the squared lengths (P, K) that count (N of them): (N,) in nats, for covariances that are the identity."""
    scales = np.broadcast_to(fit.joint_scales, squares.shape)[counted]
    lengths = np.sqrt(squares[counted] / scales)
    errors = np.stack((lengths, np.zeros_like(lengths)), -1)
    densities = error_log_density(errors, np.eye(_AXES), fit.family, fit.shape)
    return 0.5 * _AXES * np.log(scales) - densities
