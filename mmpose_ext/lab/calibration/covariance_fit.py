"""The scale and the family of errors in units of their predicted covariances, and radii that need no family."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from mmpose_ext.functional import ERROR_FAMILIES, error_log_density, region_radius
from mmpose_ext.runtime.calibration import CovarianceScale

__all__ = ['FamilyFit', 'conformal_radii', 'fit_covariances', 'fit_family']

_SPREAD_OF_ONE = 2.0  # variance of the logarithm of a scale that one label gives; it is this over n for n labels
_FEWEST = 20  # labeled joints below which a joint has the scale of all
_FOLDS = 5
_DEGREES = (0.3, 200.0)  # smallest and largest degrees of freedom that are tried
_AXES = 2


@dataclass(frozen=True)
class FamilyFit:
    """A family of errors that was fitted to lengths.

    Args:
        family: 'gaussian', 'laplace', 'student_t' or 'mixture'.
        shape: Of the family, see :mod:`mmpose_ext.functional.error_families`.
        scale: Factor of the covariances of all joints.
        joint_scales: (K,) factor of each joint.
        nll: Mean negative log-likelihood of people who were left out of the fit, in nats, but for the covariances'
            determinants, which are the same for all families.
    """

    family: str
    shape: tuple[float, ...]
    scale: float
    joint_scales: np.ndarray
    nll: float = math.nan


def fit_family(lengths: np.ndarray, labeled: np.ndarray, family: str) -> FamilyFit:
    """Fit the scale, joint by joint, and the shape of one family by maximum likelihood.

    The scale of a joint is drawn to that of all joints by its uncertainty (empirical Bayes), on a logarithmic scale: by
    ``v / (v + t)``, where v is the variance that its number of labels leaves, and t the variance of the true scales
    over the joints. A joint with fewer than 20 labels has the scale of all.

    Args:
        lengths: (P, K) Mahalanobis lengths of the errors, see :func:`mmpose_ext.functional.mahalanobis`.
        labeled: (P, K) which of them count; lengths that are not finite do not.
        family: 'gaussian', 'laplace', 'student_t' or 'mixture'.

    Raises:
        ValueError: If no length counts.
    """
    counted = labeled & np.isfinite(lengths)
    if not counted.any():
        raise ValueError("'labeled' must have a joint with a finite error, got none")
    squares = _squares(lengths, counted)
    if family in ('gaussian', 'laplace'):
        return FamilyFit(family, (), *_scales(squares, counted, family, ()))
    if family == 'mixture':
        # all joints with the scales of Student's t: the shape is that of what remains
        start = fit_family(lengths, labeled, 'student_t').joint_scales
        parts = _mixture((squares / start)[counted])
        return FamilyFit(family, parts, *_scales(squares, counted, family, parts))

    def loss(log_degrees: float) -> float:
        shape = (math.exp(log_degrees),)
        return _nll(squares, counted, FamilyFit(family, shape, *_scales(squares, counted, family, shape)))

    bounds = (math.log(_DEGREES[0]), math.log(_DEGREES[1]))
    best = optimize.minimize_scalar(loss, bounds=bounds, method='bounded', options=dict(xatol=1e-3))
    shape = (math.exp(float(best.x)),)
    return FamilyFit(family, shape, *_scales(squares, counted, family, shape))


def _squares(lengths: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Squared lengths (P, K), of those that count; a length of 0 would make a scale of 0."""
    squares: np.ndarray = np.maximum(np.where(counted, lengths, 0.0) ** 2, 1e-12)
    return squares


def _mixture(squares: np.ndarray) -> tuple[float, float]:
    """Share and ratio of the wide Gaussian of squared lengths (N,), by expectation maximization."""
    share, narrow, wide = 0.2, float(np.median(squares)) / _AXES, 2 * float(squares.mean()) / _AXES
    for _ in range(300):
        weights = _wide_weights(squares, share, narrow, wide)
        share = float(np.clip(weights.mean(), 1e-4, 0.999))
        narrow = max(float(((1 - weights) * squares).mean() / (1 - share) / _AXES), 1e-12)
        wide = max(float((weights * squares).mean() / share / _AXES), narrow)
    return share, max(wide / narrow, 1.0)


def _wide_weights(squares: np.ndarray, share: float, narrow: float, wide: float) -> np.ndarray:
    """Probability of each error (N,) that it is of the wide Gaussian."""
    logs = [
        math.log(part) - 0.5 * squares / scale - 0.5 * _AXES * math.log(scale)
        for part, scale in ((1 - share, narrow), (share, wide))
    ]
    weights: np.ndarray = np.exp(logs[1] - np.logaddexp(*logs))
    return weights


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
    scale = float(np.median(squares)) / _AXES
    for _ in range(200):  # expectation maximization, which rises at every step
        if family == 'student_t':
            weights = (shape[0] + _AXES) / (shape[0] + squares / scale)
        else:
            wide = _wide_weights(squares, shape[0], scale, scale * shape[1])
            weights = 1 - wide + wide / shape[1]
        new = float((weights * squares).mean() / _AXES)
        if abs(new - scale) <= 1e-6 * scale:
            return new
        scale = new
    return scale


def _nll(squares: np.ndarray, counted: np.ndarray, fit: FamilyFit) -> float:
    """Mean negative log-likelihood of squared lengths whose predicted covariances are the identity."""
    lengths = np.sqrt(squares[counted] / np.broadcast_to(fit.joint_scales, squares.shape)[counted])
    errors = np.stack((lengths, np.zeros_like(lengths)), -1)
    densities = error_log_density(errors, np.eye(_AXES), fit.family, fit.shape)
    halves = 0.5 * _AXES * np.log(np.broadcast_to(fit.joint_scales, squares.shape)[counted])
    return float((halves - densities).mean())


def _folds(images: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Flags (P,) of the people left out in each of five rounds; those of one image together."""
    names, index = np.unique(images.astype(str), return_inverse=True)
    part = rng.permutation(len(names)) % _FOLDS
    for fold in range(_FOLDS):
        yield part[index] == fold


def fit_covariances(
    lengths: np.ndarray, labeled: np.ndarray, images: np.ndarray, levels: Sequence[float], seed: int = 0
) -> tuple[CovarianceScale, list[FamilyFit]]:
    """Choose the family of errors by cross validation, and fit it.

    Args:
        lengths: (P, K) Mahalanobis lengths of the errors.
        labeled: (P, K).
        images: (P,) id of the image of each person.
        levels: Shares whose radii are wanted.
        seed: Of the parts of the cross validation.

    Returns:
        The fit of the family with the least negative log-likelihood of people who were left out, and all families.
    """
    counted = labeled & np.isfinite(lengths)
    squares = _squares(lengths, counted)
    fits = []
    for family in ERROR_FAMILIES:
        losses, joints = 0.0, 0
        for left_out in _folds(images, np.random.default_rng(seed)):
            if counted[left_out].any() and counted[~left_out].any():
                part = fit_family(lengths[~left_out], labeled[~left_out], family)
                number = int(counted[left_out].sum())
                losses, joints = losses + number * _nll(squares[left_out], counted[left_out], part), joints + number
        whole = fit_family(lengths, labeled, family)
        nll = losses / max(joints, 1)
        fits.append(FamilyFit(family, whole.shape, whole.scale, whole.joint_scales, nll))
    best = min(fits, key=lambda fit: fit.nll)
    scale = CovarianceScale(
        family=best.family,
        shape=best.shape,
        scale=best.scale,
        joint_scales=best.joint_scales,
        levels=np.array(levels),
        radii=np.array([region_radius(level, best.family, _AXES, best.shape) for level in levels]),
        conformal_radii=conformal_radii(lengths / np.sqrt(best.joint_scales), labeled, levels),
    )
    return scale, fits


def conformal_radii(lengths: np.ndarray, labeled: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Radii that hold a share of the errors of new people, whatever the family: split conformal prediction.

    Of the n lengths of a joint the radius is number ``ceil((n + 1) * level)`` in their order. If a new person comes
    from where these came from (exchangeable with them), the error is inside with a probability of ``level`` at least,
    and of ``level + 1 / (n + 1)`` at most where lengths differ.

    The guarantee holds although the scale of the joint was fitted on the same people: a factor of a joint, which is the
    same for all its errors, does not change their order.

    Args:
        lengths: (P, K) Mahalanobis lengths; an infinite one counts as an error that no radius holds.
        labeled: (P, K).
        levels: (L,) shares.

    Returns:
        (L, K), infinite for a joint with too few labels.
    """
    radii = np.full((len(levels), lengths.shape[1]), np.inf)
    for joint in range(lengths.shape[1]):
        ordered = np.sort(lengths[labeled[:, joint], joint])
        for row, level in enumerate(levels):
            # the product may be a whole number but for the last digit
            place = math.ceil((len(ordered) + 1) * level - 1e-9)
            if 0 < place <= len(ordered):
                radii[row, joint] = ordered[place - 1]
    return radii
