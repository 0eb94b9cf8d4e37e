"""What a calibration is worth, as text: the report of one model, and Markdown tables of several."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .fit import CalibrationFit

__all__ = ['CalibrationReport', 'Shift', 'calibration_table']

_WIDE_PART = ('share of a wide Gaussian', 'ratio of its variance')
_SHAPES = {'student_t': ('degrees of freedom',), 'mixture': _WIDE_PART, 'mixture3': 2 * _WIDE_PART}
_LEVELS = (50, 90, 95)
_GOAL = 0.02  # of the calibration error, and of the distance of a coverage from its level

Interval = tuple[float, float]


@dataclass(frozen=True)
class Shift:
    """Figures of other people than those of the config's dataset.

    Args:
        people: Their number.
        before: Figures of what the head predicts.
        after: Figures with the calibration.
        intervals: That hold 95 % of the figures of resampled people, after.
    """

    people: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True)
class CalibrationReport:
    """What a calibration is worth on people that it was not fitted on.

    Args:
        path: The calibration file.
        fit: What was fitted.
        before: Figures of what the head predicts.
        after: Figures with the calibration.
        people: Numbers of people that the file was fitted on, and that figures were measured on.
        shifts: Figures of other data, by name.
        images: Drawn.
        intervals: That hold 95 % of the figures of resampled people, after.
        both_halves: Whether figures are means of two halves, each with a calibration that was fitted on the other.
    """

    path: Path
    fit: CalibrationFit
    before: Mapping[str, float]
    after: Mapping[str, float]
    people: tuple[int, int]
    shifts: Mapping[str, Shift]
    images: Sequence[Path]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    both_halves: bool = False

    def __str__(self) -> str:
        fitted, measured = self.people
        lines = [
            f'fitted on {fitted} people, measured on {measured} {"of both halves" if self.both_halves else "others"}'
        ]
        scale = self.fit.calibration.covariance
        if scale is not None:
            shape = zip(_SHAPES.get(scale.family, ()), scale.shape, strict=True)
            words = ''.join(f', {name} {value:.3g}' for name, value in shape)
            lines.append(f'errors: {scale.family}{words}, scale {scale.scale:.3g}; by cross validation:')
            lines += [
                f'  {fit.family:<10} negative log-likelihood {fit.nll:.3f}, coverage wrong by {fit.coverage_error:.3f}'
                for fit in self.fit.families
            ]
        errors = ', '.join(f'{name} {error:.4f}' for name, error in self.fit.expected_oks.errors.items())
        lines.append(f'scores: {self.fit.expected_oks.method} (squared error {errors})')
        lines.append(f'people are ranked by: {self.fit.calibration.person_score}')
        lines += _figures(self.before, self.after, self.intervals)
        lines += [f'missed: {miss}' for miss in self.misses()]
        for name, one in self.shifts.items():
            lines += ['', f'the same calibration on {one.people} people of {name}:']
            lines += _figures(one.before, one.after, one.intervals)
        return '\n'.join([*lines, f'wrote {self.path}', *(f'wrote {image}' for image in self.images)])

    def misses(self) -> Iterator[str]:
        """What is farther from perfect than a calibration should be; nothing if all is well."""
        for name in ('ECE (OKS)', *(f'{kind}@{level}' for kind in ('coverage', 'conformal') for level in _LEVELS)):
            wanted = 0.0 if name == 'ECE (OKS)' else int(name[-2:]) / 100
            if abs(self.after.get(name, wanted) - wanted) > _GOAL:
                yield f'{name} is {self.after[name]:.3f}, more than {_GOAL} from {wanted:g}'
        before, after = self.before['AP (mean score)'], self.after['AP (chosen)']
        if after < before - 5e-5:  # less is rounding
            yield f'AP (chosen) is {after:.4f}, below {before:.4f}'


def _figures(
    before: Mapping[str, float], after: Mapping[str, float], intervals: Mapping[str, Interval]
) -> Iterator[str]:
    """Lines of a table for the terminal."""
    yield f'{"":<18}{"before":>9}{"after":>9}{"95 % of resamples":>21}'
    for name in dict.fromkeys((*before, *after)):
        values = (f'{side[name]:>9.3f}' if name in side else f'{"":>9}' for side in (before, after))
        low, high = intervals.get(name, (None, None))
        interval = '' if low is None or high is None else f'{low:.3f} to {high:.3f}'
        yield f'{name:<18}{"".join(values)}{interval:>21}'.rstrip()


def calibration_table(reports: Mapping[str, CalibrationReport]) -> str:
    """Markdown tables with a row for each model: what scores are worth, and what covariances are worth.

    Args:
        reports: By the name of the row.
    """
    lines = ['| head | ECE (OKS) | ECE (right) | AUROC | AP | NLL |', '|---|---|---|---|---|---|']
    for name, report in reports.items():
        pairs = [(report.before.get(key), report.after.get(key)) for key in ('ECE (OKS)', 'ECE (right)', 'AUROC')]
        pairs.append((report.before['AP (mean score)'], report.after['AP (chosen)']))
        pairs.append((report.before.get('NLL'), report.after.get('NLL')))
        lines.append(f'| {name} | {" | ".join(", ".join(_short(value) for value in pair) for pair in pairs)} |')
    lines += ['', '| head | family | coverage 50 / 90 / 95 | after | conformal |', '|---|---|---|---|---|']
    for name, report in reports.items():
        scale = report.fit.calibration.covariance
        if scale is not None:
            cells = [_coverages(report.before, 'coverage', {})]
            cells += [_coverages(report.after, kind, report.intervals) for kind in ('coverage', 'conformal')]
            lines.append(f'| {name} | {scale.family} | {" | ".join(cells)} |')
    lines += ['', *(f'{name} misses: {miss}' for name, report in reports.items() for miss in report.misses())]
    return '\n'.join(lines).rstrip()


def _coverages(values: Mapping[str, float], kind: str, intervals: Mapping[str, Interval]) -> str:
    """Coverages of the levels, with half the length of the interval that holds 95 % of resampled people."""
    cells = []
    for name in (f'{kind}@{level}' for level in _LEVELS):
        low, high = intervals.get(name, (0.0, 0.0))
        cells.append(_short(values[name]) + (f'±{_short((high - low) / 2)}' if name in intervals else ''))
    return ' / '.join(cells)


def _short(value: float | None) -> str:
    """Three decimals without the zero before them."""
    return '-' if value is None else f'{value:.3f}'.replace('0.', '.', 1) if abs(value) < 1 else f'{value:.2f}'
