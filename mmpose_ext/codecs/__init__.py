"""Codecs: keypoints to training targets and network outputs to keypoints."""

from .dark_heatmap import DarkHeatmap
from .integral_label import IntegralLabel
from .regression_label import RegressionLabel

__all__ = ['DarkHeatmap', 'IntegralLabel', 'RegressionLabel']
