"""Backbones that MMPose does not have."""

from .stacked_hourglass import StackedHourglass

__all__ = ['StackedHourglass']
