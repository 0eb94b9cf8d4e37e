"""Heads: layers, losses and, through the codec they own, targets and predictions."""

from .base import BaseHead
from .heatmap_head import HeatmapHead
from .integral_head import IntegralHead, IntegralHead3D
from .map_head import MapHead
from .multi_stage_head import MultiStageHead
from .regression_head import RegressionHead
from .rle_head import IntegralRLEHead, RLEHead

__all__ = [
    'BaseHead',
    'HeatmapHead',
    'IntegralHead',
    'IntegralHead3D',
    'IntegralRLEHead',
    'MapHead',
    'MultiStageHead',
    'RLEHead',
    'RegressionHead',
]
