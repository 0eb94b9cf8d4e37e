"""Losses: thin modules over ``mmpose_ext.functional``."""

from .coordinate_loss import CoordinateLoss
from .distillation_loss import HeatmapDistillationLoss
from .heatmap_losses import HeatmapBCELoss, HeatmapCrossEntropyLoss
from .rle_loss import RLELoss

__all__ = [
    'CoordinateLoss',
    'HeatmapBCELoss',
    'HeatmapCrossEntropyLoss',
    'HeatmapDistillationLoss',
    'RLELoss',
]
