"""Backbones that MMPose does not have."""

from .multi_stage_resnet import MultiStageResNet
from .stacked_hourglass import StackedHourglass
from .timm_backbone import TimmBackbone

__all__ = ['MultiStageResNet', 'StackedHourglass', 'TimmBackbone']
