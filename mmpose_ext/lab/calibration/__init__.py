"""Confidences that mean something: fitted on held-out people, measured on others. ``tools/calibrate.py`` runs it."""

from .fit import FEWEST_PEOPLE, CalibrationFit, figures, fit_calibration, split_people
from .report import CalibrationReport, calibration_table
from .run import calibrate, calibration_path

__all__ = [
    'FEWEST_PEOPLE',
    'CalibrationFit',
    'CalibrationReport',
    'calibrate',
    'calibration_path',
    'calibration_table',
    'figures',
    'fit_calibration',
    'split_people',
]
