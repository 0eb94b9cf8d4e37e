"""Object keypoint similarity, joint by joint."""

import numpy as np

from .checks import check_shape

__all__ = ['keypoint_oks']


def keypoint_oks(points: np.ndarray, targets: np.ndarray, areas: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """The part of every joint in COCO's object keypoint similarity (OKS): ``exp(-d^2 / (2 * area * (2 * sigma)^2))``.

    The OKS of a person is the mean over the labeled joints, which the caller selects. (COCO's evaluation calls
    ``2 * sigma`` k.) Computed in float64. A point or target that is NaN or infinite has the similarity 0, whatever the
    area.

    Args:
        points: Predicted joints (N, K, 2) of N people in pixels of the image.
        targets: Labeled joints (N, K, 2), likewise.
        areas: Areas (N,) of the people in square pixels. An area of 0 leaves 1 for an exact point and 0 for others.
        sigmas: Standard deviation (K,) of the labels of each joint, as a share of the square root of the area.

    Returns:
        (N, K) from 0 to 1, float64.

    Raises:
        ValueError: If a shape differs, an area is negative, a sigma is not above zero, or one of them is not finite.

    Example:
        >>> import numpy as np
        >>> points, targets = np.zeros((1, 2, 2)), np.array([[[0, 0], [3, 4]]])
        >>> keypoint_oks(points, targets, np.array([100]), np.array([0.25, 0.25])).round(3)
        array([[1.   , 0.607]])
    """
    sizes = check_shape('points', points, 'N K 2')
    check_shape('targets', targets, 'N K 2', **sizes)
    check_shape('areas', areas, 'N', **sizes)
    check_shape('sigmas', sigmas, 'K', **sizes)
    areas, sigmas = np.asarray(areas, np.float64), np.asarray(sigmas, np.float64)
    if not (np.isfinite(areas) & (areas >= 0)).all():
        raise ValueError(f"'areas' must be finite numbers >= 0, got {areas.tolist()}")
    if not (np.isfinite(sigmas) & (sigmas > 0)).all():
        raise ValueError(f"'sigmas' must be finite numbers > 0, got {sigmas.tolist()}")
    with np.errstate(invalid='ignore', over='ignore'):
        squared = np.square(np.asarray(points, np.float64) - np.asarray(targets, np.float64)).sum(-1)
        # COCO's programs keep an area of 0 from dividing by the smallest step at 1, too
        exponent = squared / (2 * (areas[:, None] + np.spacing(1)) * np.square(2 * sigmas))
    return np.exp(-np.nan_to_num(exponent, nan=np.inf))
