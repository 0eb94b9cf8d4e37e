"""What heads need besides layers."""

from .targets import gather_keypoints, gather_targets

__all__ = ['gather_keypoints', 'gather_targets']
