"""From a checkpoint to keypoints: images, videos and cameras in, people out."""

from .main import predict
from .results import FramePeople
from .run import Prediction

__all__ = ['FramePeople', 'Prediction', 'predict']
