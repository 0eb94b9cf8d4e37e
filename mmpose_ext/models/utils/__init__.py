"""What heads need besides layers."""

from .flip import average_maps, average_points, average_scores
from .targets import axis_weights, gather_keypoints, gather_stage_targets, gather_targets, needed_targets

__all__ = [
    'average_maps',
    'average_points',
    'average_scores',
    'axis_weights',
    'gather_keypoints',
    'gather_stage_targets',
    'gather_targets',
    'needed_targets',
]
