"""Metrics: importing this package fills the registry ``METRICS``."""

from .confidence_correlation import ConfidenceCorrelation

__all__ = ['ConfidenceCorrelation']
