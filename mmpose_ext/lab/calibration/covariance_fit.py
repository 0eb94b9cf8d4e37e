"""Which family the errors in units of their predicted covariances have, and radii that need no family."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mmpose_ext.functional import ERROR_FAMILIES, region_radius
from mmpose_ext.runtime.calibration import CovarianceScale

from .family_fit import FamilyFit, fit_family, negative_log_likelihoods, squared_lengths

__all__ = ['conformal_radii', 'fit_covariances']

_FOLDS = 5
_COVERAGE_GOAL = 0.02  # a family whose coverage is farther from a level is taken only if all are
_AXES = 2


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
        The fit of the family with the least negative log-likelihood of people who were left out, among those whose
        ellipses hold the levels' shares of their errors within two points (among all if there is none); and the fits of
        all families.
    """
    fits = [_cross_validated(lengths, labeled, images, levels, family, seed) for family in ERROR_FAMILIES]
    right = [fit for fit in fits if fit.coverage_error <= _COVERAGE_GOAL]
    best = min(right or fits, key=lambda fit: fit.nll)
    scale = CovarianceScale(
        family=best.family,
        shape=best.shape,
        scale=best.scale,
        joint_scales=best.joint_scales,
        levels=np.array(levels),
        radii=_radii(best, levels),
        conformal_radii=conformal_radii(lengths / np.sqrt(best.joint_scales), labeled, levels),
    )
    return scale, fits


def _radii(fit: FamilyFit, levels: Sequence[float]) -> np.ndarray:
    """(L,) Mahalanobis lengths that hold the shares of the errors of a family."""
    return np.array([region_radius(level, fit.family, _AXES, fit.shape) for level in levels])


def _cross_validated(
    lengths: np.ndarray, labeled: np.ndarray, images: np.ndarray, levels: Sequence[float], family: str, seed: int
) -> FamilyFit:
    """The fit to all people, with the likelihood and the coverage of those who were left out in each of five rounds."""
    counted = labeled & np.isfinite(lengths)
    squares = squared_lengths(lengths, counted)
    losses: list[np.ndarray] = []
    inside: list[np.ndarray] = []
    for left_out in _folds(images, np.random.default_rng(seed)):
        if counted[left_out].any() and counted[~left_out].any():
            part = fit_family(lengths[~left_out], labeled[~left_out], family)
            losses.append(negative_log_likelihoods(squares[left_out], counted[left_out], part))
            # a length that is not finite is outside of all ellipses
            scaled = (lengths[left_out] / np.sqrt(part.joint_scales))[labeled[left_out]]
            inside.append(scaled[:, None] <= _radii(part, levels))
    whole = fit_family(lengths, labeled, family)
    if not losses:
        return whole
    coverage = np.concatenate(inside).mean(0)
    error = float(np.abs(coverage - np.array(levels)).max())
    return replace(whole, nll=float(np.concatenate(losses).mean()), coverage_error=error)


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
