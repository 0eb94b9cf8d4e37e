"""Backbones that MMPose does not have."""

from .multi_stage_resnet import MultiStageResNet
from .stacked_hourglass import StackedHourglass

__all__ = ['MultiStageResNet', 'StackedHourglass']
