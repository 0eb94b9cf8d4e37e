"""Figures of several groups of people, and how far they would be from these with other people of the same kind."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.runtime.calibration import Calibration

from .fit import figures

__all__ = ['Group', 'bootstrap_intervals', 'mean_figures']

#: People, and a calibration that was not fitted on them, or None.
Group = tuple[JointPairs, Calibration | None]


def mean_figures(groups: Sequence[Group]) -> dict[str, float]:
    """Mean over groups of the figures of each; see :func:`figures` for their names."""
    found = [figures(pairs, calibration) for pairs, calibration in groups]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def bootstrap_intervals(
    groups: Sequence[Group], resamples: int = 100, seed: int = 0
) -> Mapping[str, tuple[float, float]]:
    """Intervals that hold 95 % of the mean figures of people who are drawn from each group with replacement.

    Whole images are drawn. The errors of the joints of one person are not independent, nor are people in one image:
    6 000 joints of 500 people say less than 6 000 joints of as many people.

    Args:
        groups: People that their calibration was not fitted on.
        resamples: Number of drawings.
        seed: Of the drawings.

    Returns:
        (low, high) by the names of :func:`figures`; NaN where a figure is not defined, and nothing without people.
    """
    if not all(len(pairs) for pairs, _ in groups):
        return {}
    rng = np.random.default_rng(seed)
    rows = [_rows_by_image(pairs) for pairs, _ in groups]
    found = []
    for _ in range(resamples):
        drawn = [
            (pairs.select(_draw_images(images, rng)), calibration)
            for (pairs, calibration), images in zip(groups, rows, strict=True)
        ]
        found.append(mean_figures(drawn))
    sides = {name: np.quantile([one[name] for one in found], (0.025, 0.975)) for name in found[0]}
    return {name: (float(low), float(high)) for name, (low, high) in sides.items()}


def _rows_by_image(pairs: JointPairs) -> list[np.ndarray]:
    """Indices of the people of each image."""
    _, index = np.unique(pairs.images.astype(str), return_inverse=True)
    return np.split(np.argsort(index, kind='stable'), np.cumsum(np.bincount(index))[:-1])


def _draw_images(rows: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Indices of the people of as many images, drawn with replacement."""
    return np.concatenate([rows[image] for image in rng.integers(0, len(rows), len(rows))])
