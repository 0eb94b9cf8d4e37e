"""Means over seeds, and whether the rows of a table come in the paper's order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

__all__ = ['Pair', 'compare_order', 'mean_and_spread']


@dataclass(frozen=True)
class Pair:
    """Two rows, the one with the better figure in the paper first.

    Attributes:
        first: Name of that row.
        second: Name of the other one.
        paper: How much better the paper has it, >= 0.
        ours: Mean over the seeds of the same difference; None if no seed has both rows.
        spread: Sample standard deviation of that difference over the seeds; None for fewer than two of them.
        verdict: 'agrees', 'disagrees', 'tie' or 'open' (``ours`` is None).
    """

    first: str
    second: str
    paper: float
    ours: float | None
    spread: float | None
    verdict: str


def mean_and_spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (n - 1); None where there are too few values."""
    return fmean(values) if values else None, stdev(values) if len(values) > 1 else None


def _verdict(paper: float, ours: float | None, spread: float | None) -> str:
    if ours is None:
        return 'open'
    # a paper that has both rows equal says nothing about which is the better one
    if paper == 0 or abs(ours) <= (spread or 0.0):
        return 'tie'
    return 'agrees' if ours > 0 else 'disagrees'


def compare_order(
    paper: Mapping[str, float],
    ours: Mapping[str, Mapping[int, float]],
    shared: Collection[str] = (),
    lower_is_better: bool = False,
) -> list[Pair]:
    """Compare the order of every two rows with the paper's.

    Rows may share their training, or at least the seed, so differences are taken seed by seed. If their mean is not
    larger than their sample standard deviation, the pair is a tie: neither agreement nor disagreement. A single seed
    has no spread, and every difference counts.

    Args:
        paper: The paper's figure by row; rows that are not in it are not compared.
        ours: Our figure by row and seed.
        shared: Rows whose figure is that of one training; it is compared with those of every seed.
        lower_is_better: The figure is an error; differences are gains all the same.

    Returns:
        All pairs of rows, in the order of ``paper``.
    """
    pairs = []
    sign = -1 if lower_is_better else 1
    for one, other in combinations(paper, 2):
        first, second = (one, other) if sign * paper[one] >= sign * paper[other] else (other, one)
        figures, others = ours.get(first, {}), ours.get(second, {})
        if first in shared:
            figures = {seed: figure for seed in others for figure in figures.values()}
        elif second in shared:
            others = {seed: figure for seed in figures for figure in others.values()}
        differences = [sign * (figures[seed] - others[seed]) for seed in figures if seed in others]
        mean, spread = mean_and_spread(differences)
        difference = sign * (paper[first] - paper[second])
        pairs.append(Pair(first, second, difference, mean, spread, _verdict(difference, mean, spread)))
    return pairs
