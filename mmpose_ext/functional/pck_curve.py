"""Percentage of correct keypoints of a whole test set, over thresholds, for evaluation."""

import numpy as np

from .checks import check_shape

__all__ = ['area_under_curve', 'normalized_distances', 'pck_curve']


def normalized_distances(
    points: np.ndarray, targets: np.ndarray, labeled: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Distances of predicted joints from their labels, in units of each person's scale; NaN: not counted.

    Computed in float64: in float32, joints whose distance equals a threshold could fall on either side of it.

    Args:
        points: Predicted joints (N, K, 2) of N people in pixels. One that is not finite is infinitely far away, which
            is wrong at every threshold.
        targets: Labeled joints (N, K, 2), likewise. One that is not finite is taken as not labeled.
        labeled: (N, K) bool or 0 and 1.
        scales: (N,) in pixels, for example sizes of heads or torsos. A person whose scale is not a finite number above
            zero is not counted at all. (The official implementations divide by the scale in any case.)

    Returns:
        (N, K) float64; NaN where a joint is not counted.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> targets = np.array([[[0, 0], [9, 9]]])
        >>> normalized_distances(targets + [3, 4], targets, np.array([[1, 0]]), np.array([10]))
        array([[0.5, nan]])
    """
    sizes = check_shape('points', points, 'N K 2')
    check_shape('targets', targets, 'N K 2', **sizes)
    check_shape('labeled', labeled, 'N K', **sizes)
    check_shape('scales', scales, 'N', **sizes)
    points, targets, scales = (np.asarray(values, np.float64) for values in (points, targets, scales))
    known = np.isfinite(scales) & (scales > 0)
    counted = np.asarray(labeled, bool) & np.isfinite(targets).all(-1) & known[:, None]
    found = np.isfinite(points).all(-1)
    with np.errstate(invalid='ignore', over='ignore'):
        distances = np.hypot(*np.moveaxis(points - targets, -1, 0)) / np.where(known, scales, 1)[:, None]
    return np.where(counted, np.where(found, distances, np.inf), np.nan)


def pck_curve(distances: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of the counted joints that are no farther than each threshold: ``distance <= threshold``.

    Args:
        distances: (N, K) of :func:`normalized_distances`. With (N * K, 1) the share is that of all joints together,
            which weights each joint by the number of its labels.
        thresholds: (T,) in units of the scale.

    Returns:
        (T, K) from 0 to 1, float64; NaN for a joint that is never counted.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> pck_curve(np.array([[0.1, np.nan], [0.3, np.nan]]), np.array([0.05, 0.1, 0.3])).T
        array([[0. , 0.5, 1. ],
               [nan, nan, nan]])
    """
    check_shape('distances', distances, 'N K')
    check_shape('thresholds', thresholds, 'T')
    counts = (~np.isnan(distances)).sum(0)
    # a comparison with NaN is false
    correct = np.stack([(distances <= threshold).sum(0) for threshold in thresholds])
    return np.where(counts > 0, correct / np.maximum(counts, 1), np.nan)


def area_under_curve(thresholds: np.ndarray, values: np.ndarray) -> float:
    """Area under a curve that is straight between its points, divided by the range of the thresholds.

    The thresholds are scaled to the range 0 to 1, so that a curve which is 1 everywhere has the area 1. The area is the
    mean height of the curve. The evaluation programs of MPII compute it in the same way
    (``area_under_curve(scale01(range), pck)``). MMPose's ``keypoint_auc`` takes the mean over the thresholds, which
    gives the two ends twice this weight.

    Args:
        thresholds: (T,), two or more rising numbers.
        values: (T,).

    Returns:
        The area; NaN if a value is NaN.

    Raises:
        ValueError: If a shape differs or the thresholds are not rising numbers.

    Example:
        >>> import numpy as np
        >>> area_under_curve(np.array([0, 0.25, 0.5]), np.array([0, 1, 1]))
        0.75
    """
    sizes = check_shape('thresholds', thresholds, 'T')
    check_shape('values', values, 'T', **sizes)
    steps = np.diff(np.asarray(thresholds, np.float64))
    if not (len(steps) and (steps > 0).all()):
        raise ValueError(f"'thresholds' must be two or more rising numbers, got {np.asarray(thresholds).tolist()}")
    heights = (np.asarray(values[1:], np.float64) + values[:-1]) / 2
    return float((heights * steps).sum() / steps.sum())
