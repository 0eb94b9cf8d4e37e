"""Transforms of our own; for the rest the configs use MMPose's."""

from .color import RandomChannelScale
from .corrupt_labels import CorruptLabels
from .depth import UnknownDepth
from .drop_labels import DropLabels
from .region import LoadRegion, PackRegion

__all__ = ['CorruptLabels', 'DropLabels', 'LoadRegion', 'PackRegion', 'RandomChannelScale', 'UnknownDepth']
