"""What heads need besides layers."""

from .flip import average_keypoints, average_maps, average_points, average_scores
from .normalization import normalization
from .samples import GatheredSamples, SampleKeypoints, Targets, gather_keypoints, labeled_joints
from .targets import axis_weights, gather_stage_targets, gather_targets, mask_joints, needed_targets

__all__ = [
    'GatheredSamples',
    'SampleKeypoints',
    'Targets',
    'average_keypoints',
    'average_maps',
    'average_points',
    'average_scores',
    'axis_weights',
    'gather_keypoints',
    'gather_stage_targets',
    'gather_targets',
    'labeled_joints',
    'mask_joints',
    'needed_targets',
    'normalization',
]
