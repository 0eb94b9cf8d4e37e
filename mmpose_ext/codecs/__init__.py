"""Codecs: keypoints to training targets and network outputs to keypoints."""

from .dark_heatmap import DarkHeatmap
from .integral_label import IntegralLabel
from .keypoint_codec import Encoded, KeypointCodec, Keypoints, MapFormat
from .mmpose_codec import MMPoseCodec, keypoint_codec
from .regression_label import RegressionLabel

__all__ = [
    'DarkHeatmap',
    'Encoded',
    'IntegralLabel',
    'KeypointCodec',
    'Keypoints',
    'MMPoseCodec',
    'MapFormat',
    'RegressionLabel',
    'keypoint_codec',
]
