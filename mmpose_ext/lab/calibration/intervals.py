"""How far figures would be from these with other people of the same kind."""

from collections.abc import Mapping

import numpy as np

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.runtime.calibration import Calibration

from .fit import figures

__all__ = ['bootstrap_intervals']


def bootstrap_intervals(
    pairs: JointPairs, calibration: Calibration | None = None, resamples: int = 100, seed: int = 0
) -> Mapping[str, tuple[float, float]]:
    """Intervals that hold 95 % of the figures of people who are drawn from these with replacement, image by image.

    The errors of the joints of one person are not independent, nor are people in one image: 6 000 joints of 500 people
    say less than 6 000 joints of as many people.

    Args:
        pairs: People that the calibration was not fitted on.
        calibration: Is applied, if there is one.
        resamples: Number of drawings.
        seed: Of the drawings.

    Returns:
        (low, high) by the names of :func:`figures`; NaN where a figure is not defined, and nothing without people.
    """
    if not len(pairs):
        return {}
    rng = np.random.default_rng(seed)
    _, index = np.unique(pairs.images.astype(str), return_inverse=True)
    rows = np.split(np.argsort(index, kind='stable'), np.cumsum(np.bincount(index))[:-1])
    found = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(rows), len(rows))
        found.append(figures(pairs.select(np.concatenate([rows[image] for image in chosen])), calibration))
    sides = {name: np.quantile([one[name] for one in found], (0.025, 0.975)) for name in found[0]}
    return {name: (float(low), float(high)) for name, (low, high) in sides.items()}
