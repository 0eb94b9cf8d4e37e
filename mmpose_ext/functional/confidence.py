"""How well confidences agree with the values that they stand for: correlations and calibration.

The correlations are written on NumPy because ``scipy.stats`` takes a second to import, and this package is imported
with every codec. The tests compare them with those of SciPy.
"""

import numpy as np

from .checks import check_shape

__all__ = ['auroc', 'average_precision', 'calibration_error', 'pearson', 'spearman']


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation coefficient: how close the pairs are to a straight line.

    Args:
        x: Values (N,).
        y: Values (N,).

    Returns:
        From -1 to 1. NaN where it is not defined: fewer than two pairs, all values of one side equal, or a value that
        is not finite.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> pearson(np.array([1, 2, 3]), np.array([1, 3, 2]))
        0.5
    """
    x, y = _pairs(x=x, y=y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or _is_constant(x) or _is_constant(y):
        return float('nan')
    return float(np.corrcoef(x, y)[0, 1])


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation: Pearson's coefficient of the ranks.

    No rising transform of either side changes it. Equal values share the mean of their ranks.

    Args:
        x: Values (N,), infinite ones included.
        y: Values (N,), likewise.

    Returns:
        From -1 to 1. NaN where it is not defined: fewer than two pairs, all values of one side equal, or a NaN.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> spearman(np.array([1, 2, 3]), np.array([1, 100, 1000]))
        1.0
    """
    x, y = _pairs(x=x, y=y)
    if np.isnan(x).any() or np.isnan(y).any():
        return float('nan')
    return pearson(_ranks(x), _ranks(y))


def calibration_error(confidences: np.ndarray, values: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: how far confidences are from the mean of the values that they stand for.

    The pairs are sorted into ``bins`` equal parts of the range 0 to 1 by their confidence. The error is the mean, over
    all pairs, of the distance between the mean confidence and the mean value of their part (equation 3 of Guo et al.,
    ICML 2017, where the value is right or wrong). Confidences below 0 and above 1 count in the first and last part. An
    error of 0 means that values are 0.8 on average where the confidence is about 0.8. A constant confidence can reach
    it as well: only the correlations say whether confidences distinguish good predictions from bad ones.

    Args:
        confidences: (N,).
        values: (N,), from 0 to 1.
        bins: Number of parts.

    Returns:
        From 0 (best) to 1 for confidences from 0 to 1. NaN without a pair or with a number that is not finite.

    Raises:
        ValueError: If a shape differs or ``bins`` is not a whole number above zero.

    Example:
        >>> import numpy as np
        >>> calibration_error(np.array([0.75, 0.75]), np.array([1.0, 0.0]))
        0.25
    """
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"'bins' must be a whole number > 0, got {bins!r}")
    confidences, values = _pairs(confidences=confidences, values=values)
    gaps = confidences - values
    if not (len(gaps) and np.isfinite(gaps).all()):
        return float('nan')
    part = np.clip(confidences * bins, 0, bins - 1).astype(np.int64)
    return float(np.abs(np.bincount(part, gaps)).sum() / len(gaps))


def auroc(confidences: np.ndarray, right: np.ndarray) -> float:
    """Area under the ROC curve: how often a right prediction has a higher confidence than a wrong one.

    Equal confidences count one half. Scikit-learn's ``roc_auc_score`` gives the same.

    Args:
        confidences: (N,).
        right: (N,) bool.

    Returns:
        From 0 to 1; 0.5 says that confidences tell nothing. NaN where it is not defined: no right or no wrong
        prediction, or a NaN.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> auroc(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, False, True, False]))
        0.75
    """
    confidences, flags = _pairs(confidences=confidences, right=right)
    chosen = flags > 0
    positive, negative = int(chosen.sum()), int((~chosen).sum())
    if not positive or not negative or np.isnan(confidences).any():
        return float('nan')
    above = _ranks(confidences)[chosen].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def average_precision(scores: np.ndarray, oks: np.ndarray) -> float:
    """COCO's AP of people who were each predicted once, as on annotated boxes with one person in each image.

    A prediction is right at a threshold if the OKS with its own person reaches it. The precision is averaged over 101
    recalls and the thresholds .5, .55 ... .95, as COCO's program does.

    Args:
        scores: (N,) of the predictions, by which they are ranked; of equal ones the first counts as the higher.
        oks: (N,).

    Returns:
        From 0 to 1; NaN without a person.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> average_precision(np.array([0.9, 0.4]), np.array([0.99, 0.4])).__round__(3)
        0.505
    """
    scores, oks = _pairs(scores=scores, oks=oks)
    if not len(scores):
        return float('nan')
    ranked = oks[np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind='stable')]
    found = (ranked >= np.linspace(0.5, 0.95, 10)[:, None]).cumsum(1)
    precision = found / np.arange(1, len(ranked) + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    values = []
    for row, recall in zip(precision, found / len(ranked), strict=True):
        place = np.searchsorted(recall, np.linspace(0, 1, 101))
        values.append(np.append(row, 0.0)[place].mean())
    return float(np.mean(values))


def _pairs(**sides: np.ndarray) -> list[np.ndarray]:
    """Both sides in float64, if they are vectors of one length."""
    sizes: dict[str, int] = {}
    for name, values in sides.items():
        sizes = check_shape(name, values, 'N', **sizes)
    return [np.asarray(values, np.float64) for values in sides.values()]


def _is_constant(values: np.ndarray) -> bool:
    """Whether all values are equal. Their variance would be rounding noise instead of zero."""
    return len(values) < 2 or bool((values == values[0]).all())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[index]
