"""Metrics: importing this package fills the registry ``METRICS``."""

from .camera_mpjpe import CameraMPJPE
from .coco_figures import coco_figures
from .coco_metric import FasterCocoMetric, FasterCocoWholeBodyMetric
from .confidence_correlation import ConfidenceCorrelation
from .pck_accuracy import PCKhAccuracy, TorsoPCKAccuracy

__all__ = [
    'CameraMPJPE',
    'ConfidenceCorrelation',
    'FasterCocoMetric',
    'FasterCocoWholeBodyMetric',
    'PCKhAccuracy',
    'TorsoPCKAccuracy',
    'coco_figures',
]
