"""Heads: layers, losses and, through the codec they own, targets and predictions."""

from .base import BaseHead
from .heatmap_head import HeatmapHead
from .integral_head import IntegralHead
from .map_head import MapHead
from .multi_stage_head import MultiStageHead
from .regression_head import RegressionHead
from .rle_head import RLEHead

__all__ = ['BaseHead', 'HeatmapHead', 'IntegralHead', 'MapHead', 'MultiStageHead', 'RLEHead', 'RegressionHead']
