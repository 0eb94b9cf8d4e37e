"""Keypoints of a batch in MMPose's form, in which they leave a head."""

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData

from mmpose_ext.codecs import Keypoints
from mmpose_ext.runtime.calibration import read_calibration

from .step import Samples

__all__ = ['calibrate_instances', 'to_instances']


def to_instances(found: Keypoints, samples: Samples, input_size: Sequence[int]) -> list[InstanceData]:
    """Keypoints of a batch on the host; sigmas and covariances in pixels of the images on x and y.

    Args:
        found: In input pixels and millimeters.
        samples: B samples; one without ``input_scale`` keeps sigmas and covariances in input pixels.
        input_size: (w, h) of the network input in pixels.
    """
    points, scores, sigmas = found.numpy()
    covariances = None if found.covariances is None else found.covariances.detach()[:, None].cpu().numpy()
    predictions = [
        InstanceData(keypoints=one, keypoint_scores=score) for one, score in zip(points, scores, strict=True)
    ]
    if sigmas is None and covariances is None:
        return predictions
    for index, (prediction, sample) in enumerate(zip(predictions, samples, strict=True)):
        # lengths need the scale of the crop alone
        scale = np.ones(points.shape[-1])
        if 'input_scale' in sample.metainfo:
            scale[:2] = sample.metainfo['input_scale'] / np.asarray(input_size)
        if sigmas is not None:
            prediction.keypoint_sigmas = (sigmas[index] * scale).astype(np.float32)
        if covariances is not None:
            prediction.keypoint_covariances = (covariances[index] * np.outer(scale, scale)).astype(np.float32)
    return predictions


def calibrate_instances(predictions: Sequence[InstanceData], path: str) -> None:
    """Replace scores and covariances by calibrated ones, and add ``pose_scores`` (1,).

    Args:
        predictions: Changed in place.
        path: File of ``tools/calibrate.py``.

    Raises:
        ValueError: If the file is no calibration of as many joints.
    """
    calibration = read_calibration(path)
    for prediction in predictions:
        scores = prediction.keypoint_scores
        prediction.keypoint_scores = calibration.joint_scores(scores)
        prediction.pose_scores = calibration.person_scores(scores)
        if 'keypoint_covariances' in prediction:
            prediction.keypoint_covariances = calibration.covariances(prediction.keypoint_covariances)
