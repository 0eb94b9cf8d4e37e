"""People in front of known cameras, as samples with depth."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ['add_depth']

Array = npt.NDArray[np.floating]


def add_depth(pixels: Array, visible: Array, points: Array, root: Sequence[int]) -> tuple[Array, Array, Array]:
    """What samples with depth hold.

    Args:
        pixels: Joints (N, K, 2) in the image.
        visible: (N, K), above 0 where a joint is labeled.
        points: (N, K, 3) in the camera frame (x right, y down, z forward), in millimeters; of all joints, so that the
            root is known.
        root: Joints whose mean is the root.

    Returns:
        (keypoints, keypoints_cam, root_depth). ``keypoints`` (N, K, 3), float32: pixels and the depth behind the root
        in millimeters. ``keypoints_cam`` (N, K, 3): the points. ``root_depth`` (N,). Of joints that are not labeled,
        the depth and the points are NaN.
    """
    root_depth = points[:, list(root), 2].mean(1)
    labeled = np.where(visible[..., None] > 0, points, np.nan)
    keypoints = np.concatenate([pixels, labeled[..., 2:] - root_depth[:, None, None]], -1)
    return keypoints.astype(np.float32), labeled, root_depth
