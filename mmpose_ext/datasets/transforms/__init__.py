"""Transforms of our own; for the rest the configs use MMPose's."""

from .color import RandomChannelScale
from .depth import UnknownDepth
from .drop_labels import DropLabels

__all__ = ['DropLabels', 'RandomChannelScale', 'UnknownDepth']
