"""Transforms of our own; for the rest the configs use MMPose's."""

from .color import RandomChannelScale
from .corrupt_labels import CorruptLabels
from .depth import UnknownDepth
from .drop_labels import DropLabels

__all__ = ['CorruptLabels', 'DropLabels', 'RandomChannelScale', 'UnknownDepth']
