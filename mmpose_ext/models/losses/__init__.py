"""Losses: thin modules over ``mmpose_ext.functional``."""

from .coordinate_loss import CoordinateLoss
from .distillation_loss import HeatmapDistillationLoss
from .heatmap_losses import HeatmapBCELoss, HeatmapCrossEntropyLoss
from .rle_loss import RLELoss
from .volume_loss import VolumeCrossEntropyLoss, VolumeLoss, VolumeMSELoss
from .weighted_loss import WeightedLoss

__all__ = [
    'CoordinateLoss',
    'HeatmapBCELoss',
    'HeatmapCrossEntropyLoss',
    'HeatmapDistillationLoss',
    'RLELoss',
    'VolumeCrossEntropyLoss',
    'VolumeLoss',
    'VolumeMSELoss',
    'WeightedLoss',
]
