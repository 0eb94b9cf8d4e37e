"""From a config and a checkpoint to a calibration file, its figures and its images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmpose_ext.files import write_whole
from mmpose_ext.runtime.calibration import Calibration

from .fit import CalibrationFit, figures, fit_calibration, split_people
from .images import draw_ellipses, draw_reliability
from .people import predict_people

__all__ = ['CalibrationReport', 'calibrate', 'calibration_path']

_WIDE_PART = ('share of a wide Gaussian', 'ratio of its variance')
_SHAPES = {'student_t': ('degrees of freedom',), 'mixture': _WIDE_PART, 'mixture3': 2 * _WIDE_PART}


@dataclass(frozen=True)
class CalibrationReport:
    """What a calibration is worth on people that it was not fitted on.

    Args:
        path: The calibration file.
        fit: What was fitted.
        before: Figures of what the head predicts.
        after: Figures with the calibration.
        people: Numbers of people that were fitted and measured on.
        shifts: Figures of other data, by name: number of people, before, after.
        images: Drawn.
    """

    path: Path
    fit: CalibrationFit
    before: Mapping[str, float]
    after: Mapping[str, float]
    people: tuple[int, int]
    shifts: Mapping[str, tuple[int, Mapping[str, float], Mapping[str, float]]]
    images: Sequence[Path]

    def __str__(self) -> str:
        lines = [f'fitted on {self.people[0]} people, measured on {self.people[1]} others']
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
        lines += _table(self.before, self.after)
        for name, (count, before, after) in self.shifts.items():
            lines += ['', f'the same calibration on {count} people of {name}:', *_table(before, after)]
        return '\n'.join([*lines, f'wrote {self.path}', *(f'wrote {image}' for image in self.images)])


def _table(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    lines = [f'{"":<18}{"before":>9}{"after":>9}']
    for name in dict.fromkeys((*before, *after)):
        values = (f'{side[name]:>9.3f}' if name in side else f'{"":>9}' for side in (before, after))
        lines.append(f'{name:<18}{"".join(values)}')
    return lines


def calibration_path(checkpoint: str | Path) -> Path:
    """The calibration file beside a checkpoint: ``epoch_10.pth`` has ``epoch_10.calibration.json``."""
    return Path(checkpoint).with_suffix('.calibration.json')


def calibrate(
    config: str | Path,
    checkpoint: str | Path,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    shifts: Sequence[str | Path] = (),
    shift_padding: float = 1.0,
    images: bool = True,
    cfg_options: Mapping[str, object] | None = None,
) -> CalibrationReport:
    """Fit a calibration on one half of the validation people, and measure it on the other.

    Args:
        config: Its file, or its name below ``configs/``.
        checkpoint: The weights.
        out: The calibration file; default beside the checkpoint. Images are written beside it.
        seed: Of the halves.
        shifts: Annotation files in COCO's format of other people with some of the same joints, by their names, on which
            the calibration is measured, too.
        shift_padding: Factor by which the boxes of these people are enlarged, where the config's own boxes are larger
            than people (those of LSPET by 1.25).
        images: Whether to draw a reliability diagram and, with covariances, ellipses.
        cfg_options: Values by dotted key, merged into the config first.

    Raises:
        ValueError: If there are fewer than 200 people, or an argument is out of range.
        ImportError: If scikit-learn is not installed.
        OSError: If the files cannot be written.
    """
    _require_scikit_learn()
    path = calibration_path(checkpoint) if out is None else Path(out)
    logs = path.parent / 'calibration_logs'
    pairs, names = predict_people(config, checkpoint, logs, cfg_options)
    fitted, measured = split_people(pairs, seed)
    about = dict(config=Path(config).name, checkpoint=Path(checkpoint).name, seed=seed)
    fit = fit_calibration(fitted, names, about, seed)
    before, after = figures(measured), figures(measured, fit.calibration)
    notes = dict(people=len(measured), before=_rounded(before), after=_rounded(after))
    calibration = replace(fit.calibration, measured=notes)
    write_whole(path, json.dumps(calibration.to_dict(), indent=1))
    drawn = []
    if images:
        drawn.append(path.with_suffix('.reliability.png'))
        draw_reliability(drawn[0], measured, calibration)
        if calibration.covariance is not None:
            drawn.append(path.with_suffix('.ellipses.png'))
            draw_ellipses(drawn[1], measured, calibration)
    people = len(fitted), len(measured)
    return CalibrationReport(
        path,
        replace(fit, calibration=calibration),
        before,
        after,
        people,
        _shifts(shifts, config, checkpoint, calibration, cfg_options, shift_padding),
        drawn,
    )


def _shifts(
    files: Sequence[str | Path],
    config: str | Path,
    checkpoint: str | Path,
    calibration: Calibration,
    cfg_options: Mapping[str, object] | None,
    padding: float,
) -> dict[str, tuple[int, dict[str, float], dict[str, float]]]:
    """Figures of other people, by the annotation file."""
    from .shift import predict_other_people

    found = {}
    for file in files:
        pairs = predict_other_people(file, config, checkpoint, calibration.joint_names, cfg_options, padding)
        found[str(file)] = len(pairs), figures(pairs), figures(pairs, calibration)
    return found


def _rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    """Figures with four decimals; json has no NaN."""
    return {name: round(value, 4) if value == value else None for name, value in values.items()}


def _require_scikit_learn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError("calibration needs 'scikit-learn': pip install 'mmpose_ext[calibration]'") from error
