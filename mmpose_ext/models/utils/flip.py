"""The flip test: the mean of what a network gives for an image and for its mirror image."""

from collections.abc import Sequence

import torch
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.utils.typing import ConfigType
from torch import Tensor

from mmpose_ext.codecs import Keypoints
from mmpose_ext.functional import check_shape, mixture_covariances, scale_covariances

__all__ = ['average_keypoints', 'average_maps', 'average_points', 'average_scores']


def average_maps(maps: Tensor, flipped: Tensor, flip_indices: Sequence[int], test_cfg: ConfigType) -> Tensor:
    """Mean of the maps of an image and of its mirror image.

    The maps of the mirror image are mirrored back, and left and right joints are swapped.

    Args:
        maps: (B, K, H, W) of the image.
        flipped: (B, K, H, W) of its mirror image.
        flip_indices: For each joint the joint that it becomes in the mirror.
        test_cfg: ``flip_mode`` (MMPose's), and ``shift_heatmap``: move the mirrored maps by one cell.

    Returns:
        (B, K, H, W).
    """
    flipped = flip_heatmaps(
        flipped,
        flip_indices=list(flip_indices),
        flip_mode=test_cfg.get('flip_mode', 'heatmap'),
        shift_heatmap=test_cfg.get('shift_heatmap', False),
    )
    return (maps + flipped) * 0.5


def average_points(
    points: Tensor, flipped: Tensor, flip_indices: Sequence[int], width: int, shift_coords: bool = True
) -> Tensor:
    """Mean of the points of an image and of its mirror image.

    The points of the mirror image are mirrored back, and left and right joints are swapped.

    Args:
        points: (B, K, D) in normalized coordinates (pixels / input size), x first.
        flipped: (B, K, D) of the mirror image.
        flip_indices: For each joint the joint that it becomes in the mirror.
        width: Width of the input in pixels.
        shift_coords: Mirror at the middle of the image, (width - 1) / 2 pixels, which is exact. False: mirror at half
            of the width, half a pixel further, as some programs do.

    Returns:
        (B, K, D).
    """
    check_shape('flipped', flipped, 'B K D', **check_shape('points', points, 'B K D'))
    mirror = 1 - 1 / width if shift_coords else 1.0
    x, *others = flipped[:, list(flip_indices)].unbind(-1)
    return (points + torch.stack((mirror - x, *others), -1)) * 0.5


def average_scores(scores: Tensor, flipped: Tensor, flip_indices: Sequence[int]) -> Tensor:
    """Mean of values of joints, (B, K, ...), of an image and of its mirror image, with left and right swapped."""
    return (scores + flipped[:, list(flip_indices)]) * 0.5


def average_keypoints(
    keypoints: Keypoints, flipped: Keypoints, flip_indices: Sequence[int], width: int, shift_coords: bool = True
) -> Keypoints:
    """Mean of normalized keypoints of an image and of its mirror image: points, scores, sigmas and covariances.

    Covariances become those of the mixture of both, see :func:`mmpose_ext.functional.mixture_covariances`. Arguments
    are those of :func:`average_points`.
    """
    sigmas = None
    if keypoints.sigmas is not None and flipped.sigmas is not None:
        sigmas = average_scores(keypoints.sigmas, flipped.sigmas, flip_indices)
    points = average_points(keypoints.points, flipped.points, flip_indices, width, shift_coords)
    covariances = None
    if keypoints.covariances is not None and flipped.covariances is not None:
        mirror = (-1.0, *(1.0,) * (points.shape[-1] - 1))
        mirrored = scale_covariances(flipped.covariances[:, list(flip_indices)], mirror)
        # of two points with this mean: the first one, and the one as far away on the other side
        covariances = mixture_covariances(
            keypoints.covariances, mirrored, keypoints.points, 2 * points - keypoints.points
        )
    return Keypoints(points, average_scores(keypoints.scores, flipped.scores, flip_indices), sigmas, covariances)
