"""Data preprocessors: from images of a loader to the input of a network."""

from .device_augmentation import DeviceAugmentation
from .pose_data_preprocessor import PoseDataPreprocessor

__all__ = ['DeviceAugmentation', 'PoseDataPreprocessor']
