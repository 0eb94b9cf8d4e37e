"""Codecs: keypoints to training targets and network outputs to keypoints."""

from .dark_heatmap import DarkHeatmap

__all__ = ['DarkHeatmap']
