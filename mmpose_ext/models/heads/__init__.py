"""Heads: layers, losses and, through the codec they own, targets and predictions."""

from .base_head import BaseHead
from .heatmap_head import HeatmapHead
from .integral_head import IntegralHead
from .integral_head_3d import IntegralHead3D
from .integral_rle_head import IntegralRLEHead
from .map_head import MapHead
from .multi_stage_head import MultiStageHead
from .regression_head import RegressionHead
from .rle_head import RLEHead
from .step import AdjustTargets, Features, HeadStep, Samples, StageMaps

__all__ = [
    'AdjustTargets',
    'BaseHead',
    'Features',
    'HeadStep',
    'HeatmapHead',
    'IntegralHead',
    'IntegralHead3D',
    'IntegralRLEHead',
    'MapHead',
    'MultiStageHead',
    'RLEHead',
    'RegressionHead',
    'Samples',
    'StageMaps',
]
