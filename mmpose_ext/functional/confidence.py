"""How much confidences tell of the values that they stand for: correlations and calibration.

Own lines on numpy: importing ``scipy.stats``, which has the correlations, takes a second, and this package is loaded
with every codec. The tests hold them to scipy's.
"""

import numpy as np

from .checks import check_shape

__all__ = ['calibration_error', 'pearson', 'spearman']


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation coefficient: how close the pairs come to a straight line.

    Args:
        x: Values (N,).
        y: Values (N,).

    Returns:
        From -1 to 1. NaN where it is not defined: fewer than two pairs, all values of one side equal, or a value that
        is not finite.

    Raises:
        ValueError: If a shape differs.
    """
    x, y = _pairs(x=x, y=y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or _is_constant(x) or _is_constant(y):
        return float('nan')
    return float(np.corrcoef(x, y)[0, 1])


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, which no rising transform of either side changes.

    Equal values share the mean of their ranks.

    Args:
        x: Values (N,), infinite ones included.
        y: Values (N,), likewise.

    Returns:
        From -1 to 1. NaN where it is not defined: fewer than two pairs, all values of one side equal, or a NaN.

    Raises:
        ValueError: If a shape differs.
    """
    x, y = _pairs(x=x, y=y)
    if np.isnan(x).any() or np.isnan(y).any():
        return float('nan')
    return pearson(_ranks(x), _ranks(y))


def calibration_error(confidences: np.ndarray, values: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: how far confidences are from the mean of the values they stand for.

    The pairs are sorted into ``bins`` equal parts of 0 to 1 by their confidence; the error is the mean over all pairs
    of the distance between the mean confidence and the mean value of their part (Guo et al., ICML 2017, equation 3,
    who have right or wrong for the value). Confidences below 0 and above 1 count in the first and last part. 0 means
    that values are .8 on average where the confidence is about .8. A constant confidence can reach that as well: this
    says nothing about whether confidences tell good from bad, as the correlations do.

    Args:
        confidences: (N,).
        values: (N,), from 0 to 1.
        bins: Number of parts.

    Returns:
        From 0 (best) to 1 for confidences from 0 to 1. NaN without a pair or with a number that is not finite.

    Raises:
        ValueError: If a shape differs.
    """
    confidences, values = _pairs(confidences=confidences, values=values)
    gaps = confidences - values
    if not (len(gaps) and np.isfinite(gaps).all()):
        return float('nan')
    part = np.clip(confidences * bins, 0, bins - 1).astype(np.int64)
    return float(np.abs(np.bincount(part, gaps)).sum() / len(gaps))


def _pairs(**sides: np.ndarray) -> list[np.ndarray]:
    """Both sides in float64, if they are vectors of one length."""
    sizes: dict[str, int] = {}
    for name, values in sides.items():
        sizes = check_shape(name, values, 'N', **sizes)
    return [np.asarray(values, np.float64) for values in sides.values()]


def _is_constant(values: np.ndarray) -> bool:
    """Whether there are not two different values; a variance would be rounding noise instead of zero."""
    return len(values) < 2 or bool((values == values[0]).all())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values have the mean of theirs."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[index]
