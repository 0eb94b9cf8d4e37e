"""From a checkpoint to keypoints: images, videos and cameras in, people out."""

from .pose_model import build_model
from .result_files import FramePeople
from .run import Prediction
from .source_prediction import predict

__all__ = ['FramePeople', 'Prediction', 'build_model', 'predict']
