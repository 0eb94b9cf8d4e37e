"""A person in front of a known camera, as a sample with depth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ['add_depth']


def add_depth(
    person: Mapping[str, Any], points: np.ndarray, root: Sequence[int], camera_param: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A person of a 2D data set, with depth.

    Args:
        person: With ``keypoints`` (1, K, 2) in pixels of the picture and ``keypoints_visible`` (1, K).
        points: All joints (K, 3) in the camera frame (x right, y down, z forward), in millimetres; also those that are
            not visible, so that the root is known.
        root: Joints whose mean is the root.
        camera_param: The camera: ``f`` and ``c`` in pixels, ``k`` and ``p`` if its lens distorts (MMPose's names).
        **more: Kept beside the camera, such as the action.

    Returns:
        The person with ``keypoints`` (1, K, 3), whose z is the depth behind the root in millimetres, and
        ``raw_ann_info``, which MMPose's ``PackPoseInputs`` hands to the metrics: ``keypoints_cam`` (K, 3) in
        millimetres, ``root_depth`` and ``camera_param``. Where a joint is not visible, z and ``keypoints_cam`` are NaN.
    """
    visible = np.asarray(person['keypoints_visible'])[0] > 0
    points = np.asarray(points, np.float64)
    root_depth = float(points[list(root), 2].mean())
    depth = np.where(visible, points[:, 2] - root_depth, np.nan)
    return {
        **person,
        'keypoints': np.concatenate([person['keypoints'], depth[None, :, None]], -1).astype(np.float32),
        'raw_ann_info': {
            **(person.get('raw_ann_info') or {}),
            'keypoints_cam': np.where(visible[:, None], points, np.nan),
            'root_depth': root_depth,
            'camera_param': dict(camera_param),
            **more,
        },
    }
