"""Heads: a head is ``__init__``, ``forward`` and ``losses``; predict() and loss() are in base.py."""

from .base import BaseHead
from .heatmap_head import HeatmapHead

__all__ = ['BaseHead', 'HeatmapHead']
