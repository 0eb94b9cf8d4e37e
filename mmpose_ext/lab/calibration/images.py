"""Images of a calibration: a reliability diagram, and a sheet of people with the ellipses of their joints."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.functional import mahalanobis, region_radius
from mmpose_ext.runtime.calibration import Calibration

__all__ = ['draw_ellipses', 'draw_reliability']

_BINS = 10


def draw_reliability(path: Path, pairs: JointPairs, calibration: Calibration) -> None:
    """Draw what confidences and ellipses say against what is the case, before and after the calibration.

    On the left the mean OKS of the joints in ten bins of the confidence; on the right the share of the errors inside of
    the ellipse of each level, where the model predicts covariances. What is calibrated is on the diagonal.

    Args:
        path: Of the image.
        pairs: People that the calibration was not fitted on.
        calibration: Is applied.
    """
    # no pyplot, which would choose a window system
    figure = Figure(figsize=(9, 4.5), layout='constrained')
    left, right = figure.subplots(1, 2)
    labeled = pairs.labeled
    oks = pairs.oks[labeled]
    after = calibration.joint_scores(pairs.confidences)
    for name, confidences in {'before': pairs.confidences[labeled], 'after': after[labeled]}.items():
        places, means, counts = _bins(confidences, oks)
        left.plot(places, means, marker='o', label=name)
        if name == 'after':
            left.bar(places, counts / max(counts.sum(), 1), width=0.06, alpha=0.2, label='share of the joints')
    left.set(xlabel='confidence', ylabel='mean OKS', title='scores', xlim=(0, 1.02), ylim=(0, 1.02))
    if pairs.covariances is not None and calibration.covariance is not None:
        scale, levels = calibration.covariance, np.linspace(0.02, 0.98, 49)
        raw = mahalanobis(pairs.errors, pairs.covariances)
        lengths = raw / np.sqrt(scale.joint_scales)
        right.plot(levels, _coverage(raw[labeled], levels, 'gaussian', ()), label='before (gaussian)')
        found = _coverage(lengths[labeled], levels, scale.family, scale.shape)
        right.plot(levels, found, label=f'after ({scale.family})')
        conformal = [(lengths <= radii)[labeled].mean() for radii in scale.conformal_radii]
        right.plot(scale.levels, conformal, 'x', label='conformal')
    right.set(xlabel='level of the ellipse', ylabel='share of the errors inside', title='covariances')
    for axes in (left, right):
        axes.plot([0, 1], [0, 1], color='gray', linestyle=':')
        axes.set_aspect('equal')
        axes.legend(loc='upper left', fontsize=8)
    figure.savefig(path, dpi=110)


def _bins(confidences: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence, mean value and number of the pairs in each bin that is not empty."""
    part = np.clip(np.nan_to_num(confidences) * _BINS, 0, _BINS - 1).astype(int)
    counts = np.bincount(part, minlength=_BINS)
    filled = counts > 0
    means = [np.bincount(part, side, _BINS)[filled] / counts[filled] for side in (confidences, values)]
    return means[0], means[1], counts[filled]


def _coverage(
    lengths: np.ndarray, levels: Sequence[float] | np.ndarray, family: str, shape: Sequence[float]
) -> list[float]:
    return [float((lengths <= region_radius(float(level), family, 2, shape)).mean()) for level in levels]


def draw_ellipses(path: Path, pairs: JointPairs, calibration: Calibration, people: int = 12, side: int = 240) -> None:
    """Draw a sheet of people, with labels as dots and the ellipses that should hold half and nine tenths of the errors.

    Every dot is the place of a label relative to the predicted joint, which is in the middle of its cell: one row for
    each person, one column for each joint, each scaled to the larger of its error and its ellipse. Dots are green
    inside of the ellipse of 90 % and red outside; a joint without a label has an ellipse alone, in gray.

    Args:
        path: Of the image.
        pairs: People that the calibration was not fitted on, with covariances.
        calibration: Is applied, with its covariances.
        people: Rows at most, evenly chosen.
        side: Not more than so many pixels for each cell.
    """
    scale = calibration.covariance
    if scale is None or pairs.covariances is None or not len(pairs):
        raise ValueError("'calibration' must have covariances to draw ellipses, got none, or nobody to draw")
    rows = np.unique(np.linspace(0, len(pairs) - 1, people).round().astype(int))
    joints = pairs.labeled.shape[1]
    side = max(40, min(side, 1800 // joints))
    sheet = np.full((len(rows) * side + 24, joints * side, 3), 255, np.uint8)
    for joint, name in enumerate(calibration.joint_names):
        cv2.putText(
            sheet, name[:12], (joint * side + 3, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA
        )
    radii = [region_radius(level, scale.family, 2, scale.shape) for level in (0.5, 0.9)]
    for row, person in enumerate(rows):
        for joint in range(joints):
            cell = sheet[24 + row * side : 24 + (row + 1) * side, joint * side : (joint + 1) * side]
            covariance = pairs.covariances[person, joint] * scale.joint_scales[joint]
            error = pairs.errors[person, joint] if pairs.labeled[person, joint] else None
            _draw_cell(cell, covariance, error, radii)
    if not cv2.imwrite(str(path), sheet):
        raise OSError(f'{path} cannot be written')


def _draw_cell(cell: np.ndarray, covariance: np.ndarray, error: np.ndarray | None, radii: Sequence[float]) -> None:
    """Ellipses around the middle of a cell, and the label if there is one."""
    side = cell.shape[0]
    canvas = np.ascontiguousarray(cell)
    cv2.rectangle(canvas, (0, 0), (side - 1, side - 1), (225, 225, 225), 1)
    if np.isfinite(covariance).all():
        variances, axes = np.linalg.eigh(covariance)
        lengths = np.sqrt(np.maximum(variances, 0))
        reach = max(radii[-1] * lengths[-1], 0.0 if error is None else float(np.abs(error).max()), 1e-6)
        unit = 0.46 * side / reach
        middle = (side // 2, side // 2)
        angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
        for radius in radii:
            sides = tuple(int(max(1, value)) for value in (lengths * radius * unit))
            color = (170, 170, 170) if error is None else (200, 120, 40)
            cv2.ellipse(canvas, middle, (sides[0], sides[1]), angle, 0, 360, color, 1, cv2.LINE_AA)
        cv2.drawMarker(canvas, middle, (120, 120, 120), cv2.MARKER_CROSS, 5, 1)
        if error is not None:
            inside = bool(mahalanobis(error, covariance) <= radii[-1])
            place = (round(side / 2 + float(error[0]) * unit), round(side / 2 + float(error[1]) * unit))
            cv2.circle(canvas, place, 3, (60, 160, 60) if inside else (50, 50, 220), cv2.FILLED, cv2.LINE_AA)
    cell[:] = canvas
