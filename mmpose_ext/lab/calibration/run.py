"""From a config and a checkpoint to a calibration file, its figures and its images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.files import write_whole
from mmpose_ext.runtime.calibration import Calibration

from .fit import fit_calibration, split_people
from .images import draw_ellipses, draw_reliability
from .intervals import Group, bootstrap_intervals, mean_figures
from .people import predict_people
from .report import CalibrationReport, Shift
from .shift import predict_other_people, read_people

__all__ = ['calibrate', 'calibration_path']


def calibration_path(checkpoint: str | Path) -> Path:
    """The calibration file beside a checkpoint: ``epoch_10.pth`` has ``epoch_10.calibration.json``."""
    return Path(checkpoint).with_suffix('.calibration.json')


def calibrate(
    config: str | Path,
    checkpoint: str | Path,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    both_halves: bool = False,
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
        both_halves: Measure the fitted half, too, by a calibration that is fitted on the other one. Figures are means
            of the two halves: their chance is smaller, because what is easier in one half is harder in the other. The
            file is that of the first half.
        shifts: Annotation files in COCO's format, or in MMPose's format of MPII, of other people with some of the same
            joints, by their names, on which the calibration is measured, too.
        shift_padding: Factor by which the boxes of these people are enlarged, where the config's own boxes are larger
            than people (those of LSPET by 1.25).
        images: Whether to draw a reliability diagram and, with covariances, ellipses.
        cfg_options: Values by dotted key, merged into the config first.

    Raises:
        ValueError: If there are fewer than 200 people, an argument is out of range, or a file of other people cannot be
            read.
        ImportError: If scikit-learn is not installed.
        OSError: If the files cannot be written.
    """
    _require_scikit_learn()
    for file in shifts:
        read_people(file)  # so that a mistake is found before a minute of predictions
    path = calibration_path(checkpoint) if out is None else Path(out)
    logs = path.parent / 'calibration_logs'
    pairs, names = predict_people(config, checkpoint, logs, cfg_options)
    fitted, measured = split_people(pairs, seed)
    about = dict(config=Path(config).name, checkpoint=Path(checkpoint).name, seed=seed)
    fit = fit_calibration(fitted, names, about, seed)
    groups: list[Group] = [(measured, fit.calibration)]
    if both_halves:
        groups.append((fitted, fit_calibration(measured, names, about, seed).calibration))
    before, after = mean_figures([(pairs, None) for pairs, _ in groups]), mean_figures(groups)
    intervals = bootstrap_intervals(groups)
    count = sum(len(pairs) for pairs, _ in groups)
    notes = dict(people=count, before=_rounded(before), after=_rounded(after), intervals=_rounded(intervals))
    calibration = replace(fit.calibration, measured=notes)
    write_whole(path, json.dumps(calibration.to_dict(), indent=1))
    drawn = _draw(path, measured, calibration) if images else []
    found = {
        str(file): _shift(
            predict_other_people(file, config, checkpoint, names, cfg_options, shift_padding), calibration
        )
        for file in shifts
    }
    fit, people = replace(fit, calibration=calibration), (len(fitted), count)
    return CalibrationReport(path, fit, before, after, people, found, drawn, intervals, both_halves)


def _draw(path: Path, pairs: JointPairs, calibration: Calibration) -> list[Path]:
    """Write the images beside the calibration file."""
    drawn = [path.with_suffix('.reliability.png')]
    draw_reliability(drawn[0], pairs, calibration)
    if calibration.covariance is not None:
        drawn.append(path.with_suffix('.ellipses.png'))
        draw_ellipses(drawn[1], pairs, calibration)
    return drawn


def _shift(pairs: JointPairs, calibration: Calibration) -> Shift:
    """Figures of other people."""
    before, after = mean_figures([(pairs, None)]), mean_figures([(pairs, calibration)])
    return Shift(len(pairs), before, after, bootstrap_intervals([(pairs, calibration)]))


def _rounded(values: Mapping[str, float | tuple[float, float]]) -> dict[str, object]:
    """Figures, or two of them for each name, with four decimals; json has no NaN."""
    return {
        name: [_round(side) for side in value] if isinstance(value, tuple) else _round(value)
        for name, value in values.items()
    }


def _round(value: float) -> float | None:
    return round(value, 4) if value == value else None


def _require_scikit_learn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError("calibration needs 'scikit-learn': pip install 'mmpose_ext[calibration]'") from error
