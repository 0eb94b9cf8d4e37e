"""Curves from the score of a joint to what it stands for, chosen by cross validation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from mmpose_ext.runtime.calibration import Curve

__all__ = ['CurveFit', 'fit_curve', 'isotonic_curve', 'power_curve', 'rising_curve']

_POINTS = 257  # of a curve in the file, at most
_FOLDS = 5


@dataclass(frozen=True)
class CurveFit:
    """A curve and what it was chosen by.

    Args:
        curve: From scores to values.
        method: 'isotonic' or 'power'.
        errors: Mean squared error of each method on people who were left out of the fit.
    """

    curve: Curve
    method: str
    errors: dict[str, float]


def isotonic_curve(scores: np.ndarray, values: np.ndarray) -> Curve:
    """The curve that does not fall and is closest to values (N,) of scores (N,) in the mean square (scikit-learn's)."""
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds='clip').fit(scores, values)
    places, levels = np.asarray(fit.X_thresholds_, np.float64), np.asarray(fit.y_thresholds_, np.float64)
    if len(places) > _POINTS:
        chosen = np.unique(np.linspace(0, len(places) - 1, _POINTS).round().astype(int))
        places, levels = places[chosen], levels[chosen]
    # seven digits in the file must not make two places one
    keep = np.append(True, np.diff(places) > 1e-6 * np.maximum(np.abs(places[1:]), 1e-6))
    return Curve(places[keep], np.maximum.accumulate(np.clip(levels[keep], 0, 1)))


def rising_curve(scores: np.ndarray, values: np.ndarray) -> Curve:
    """The isotonic curve with a slope of a thousandth in all where it is flat, so that no two scores become equal.

    It rises also beyond the scores that it was fitted to, on both sides for the length of their range.
    """
    curve = isotonic_curve(scores, values)
    if len(curve.scores) < 2:
        return curve
    low, high = curve.scores[0], curve.scores[-1]
    places = np.concatenate(([2 * low - high], curve.scores, [2 * high - low]))
    levels = np.concatenate((curve.values[:1], curve.values, curve.values[-1:]))
    share = (places - places[0]) / (places[-1] - places[0])
    return Curve(places, 0.999 * levels + 0.001 * share)


def power_curve(scores: np.ndarray, values: np.ndarray) -> Curve:
    """The curve ``min(max(score, 0), 1) ** g`` of one parameter that is closest to values (N,) in the mean square."""
    bounded = np.clip(scores, 0, 1)

    def loss(log_exponent: float) -> float:
        return float(np.square(bounded ** np.exp(log_exponent) - values).mean())

    exponent = float(np.exp(optimize.minimize_scalar(loss, bounds=(-7, 7), method='bounded').x))
    places = np.linspace(0, 1, _POINTS)
    return Curve(places, places**exponent)


_METHODS: dict[str, Callable[[np.ndarray, np.ndarray], Curve]] = dict(isotonic=isotonic_curve, power=power_curve)


def fit_curve(scores: np.ndarray, values: np.ndarray, images: np.ndarray) -> CurveFit:
    """Fit both kinds of curves, and choose by five-fold cross validation, in which an image is in one part alone.

    Args:
        scores: (N,); those that are not finite do not count.
        values: (N,) from 0 to 1.
        images: (N,) id of the image of each.

    Raises:
        ValueError: If fewer than two scores are finite.
    """
    from sklearn.model_selection import GroupKFold

    counted = np.isfinite(scores)
    if counted.sum() < 2:
        raise ValueError(f"'scores' must have two finite scores or more, got {counted.sum()}")
    scores, values, images = scores[counted], values[counted], images[counted].astype(str)
    folds = min(_FOLDS, len(np.unique(images)))
    errors = dict.fromkeys(_METHODS, 0.0)
    if folds > 1:
        for fitted, left_out in GroupKFold(folds).split(scores, values, images):
            for name, method in _METHODS.items():
                found = method(scores[fitted], values[fitted])(scores[left_out])
                errors[name] += float(np.square(found - values[left_out]).sum()) / len(scores)
    best = min(errors, key=lambda name: errors[name])
    return CurveFit(_METHODS[best](scores, values), best, errors)
