"""Metrics: importing this package fills the registry ``METRICS``."""

from .camera_mpjpe import CameraMPJPE
from .coco_figures import coco_figures
from .coco_metric import CocoMetric, FasterCocoMetric, FasterCocoWholeBodyMetric
from .confidence_correlation import ConfidenceCorrelation
from .joint_pairs import JointPairs
from .keypoint_calibration import KeypointCalibration
from .pck_accuracy import PCKhAccuracy, TorsoPCKAccuracy

__all__ = [
    'CameraMPJPE',
    'CocoMetric',
    'ConfidenceCorrelation',
    'FasterCocoMetric',
    'FasterCocoWholeBodyMetric',
    'JointPairs',
    'KeypointCalibration',
    'PCKhAccuracy',
    'TorsoPCKAccuracy',
    'coco_figures',
]
