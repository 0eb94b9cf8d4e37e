"""Pose estimation from an exported model: ONNX Runtime, numpy and OpenCV, without torch and without OpenMMLab.

``tools/export.py`` writes the model; :class:`OnnxPoseModel` runs it::

    import cv2
    from mmpose_ext.runtime import OnnxPoseModel

    model = OnnxPoseModel('model.onnx')
    people = model(cv2.imread('photograph.jpg'), boxes=[[50, 20, 210, 400]])
    print(people.keypoints, people.scores)

Arrays: N people, K joints, D axes; points are (x, y) or (x, y, depth), boxes (x1, y1, x2, y2), both in image pixels.
"""

from .calibration import Calibration, read_calibration
from .crops import CropSettings
from .drawing import draw_people
from .one_person import OnePersonFinder
from .onnx_model import OnnxPoseModel
from .people import People
from .skeleton import Skeleton
from .sources import Frame, open_source, open_sources

__all__ = [
    'Calibration',
    'CropSettings',
    'Frame',
    'OnePersonFinder',
    'OnnxPoseModel',
    'People',
    'Skeleton',
    'draw_people',
    'open_source',
    'open_sources',
    'read_calibration',
]
