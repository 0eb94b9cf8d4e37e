"""The flip test: means of what a network gives for a picture and for its mirror image."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmpose.models.utils.tta import flip_heatmaps
from torch import Tensor

from mmpose_ext.functional import check_shape

__all__ = ['average_maps', 'average_points', 'average_scores']


def average_maps(maps: Tensor, flipped: Tensor, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Tensor:
    """Mean of maps and of the mirror image's maps, mirrored back with left and right swapped.

    Args:
        maps: (B, K, H, W) of the picture.
        flipped: (B, K, H, W) of its mirror image.
        flip_indices: For each joint the one that it becomes in the mirror.
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
    """Mean of points and of the mirror image's points, mirrored back with left and right swapped.

    Args:
        points: (B, K, D) in unit coordinates (pixels / input size), x first.
        flipped: (B, K, D) of the mirror image.
        flip_indices: For each joint the one that it becomes in the mirror.
        width: Width of the input in pixels.
        shift_coords: Mirror at the middle of the picture, (width - 1) / 2 pixels, which is exact. False: at half of
            the width, as programs do that leave the last pixel out of account.

    Returns:
        (B, K, D).
    """
    check_shape('flipped', flipped, 'B K D', **check_shape('points', points, 'B K D'))
    mirror = 1 - 1 / width if shift_coords else 1.0
    x, *others = flipped[:, list(flip_indices)].unbind(-1)
    return (points + torch.stack((mirror - x, *others), -1)) * 0.5


def average_scores(scores: Tensor, flipped: Tensor, flip_indices: Sequence[int]) -> Tensor:
    """Mean of values of joints, (B, K, ...), and of the mirror image's values with left and right swapped."""
    return (scores + flipped[:, list(flip_indices)]) * 0.5
