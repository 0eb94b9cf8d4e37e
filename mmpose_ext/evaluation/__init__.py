"""Metrics: importing this package fills the registry ``METRICS``."""

from .confidence_correlation import ConfidenceCorrelation
from .pck_accuracy import PCKhAccuracy, TorsoPCKAccuracy

__all__ = ['ConfidenceCorrelation', 'PCKhAccuracy', 'TorsoPCKAccuracy']
