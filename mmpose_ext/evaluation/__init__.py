"""Metrics: importing this package fills the registry ``METRICS``."""

from .camera_mpjpe import CameraMPJPE
from .confidence_correlation import ConfidenceCorrelation
from .pck_accuracy import PCKhAccuracy, TorsoPCKAccuracy

__all__ = ['CameraMPJPE', 'ConfidenceCorrelation', 'PCKhAccuracy', 'TorsoPCKAccuracy']
