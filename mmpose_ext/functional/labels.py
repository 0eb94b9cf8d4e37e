"""Labels of integral regression (Sun et al., ECCV 2018): coordinates, and maps with one cell or a disk for a joint."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_positive, check_shape, check_size
from .grid import input_to_unit

__all__ = ['coordinate_labels', 'disk_targets', 'one_hot_targets']


def coordinate_labels(keypoints: Tensor, visible: Tensor, input_size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Regression labels and loss weights of joints.

    A joint outside of the picture (its pixels are 0 to w - 1 and 0 to h - 1, as in MMPose) gets the weight 0: no
    expectation over the picture's cells reaches it. So does one with a NaN; labels without a weight are 0, so that no
    NaN reaches a loss.

    Args:
        keypoints: (..., K, D) in input pixels, x first.
        visible: (..., K), 1 for a labelled joint, 0 for one without a label.
        input_size: (w, h) in pixels.

    Returns:
        Labels (..., K, D) in unit coordinates (pixels / input size) and weights (..., K).
    """
    width, height = check_size('input_size', input_size)
    x, y = keypoints[..., 0], keypoints[..., 1]
    # comparisons with NaN are false
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1) & keypoints[..., 2:].isfinite().all(-1)
    weights = torch.where(inside & (visible >= 0.5), visible, 0.0)
    labels = input_to_unit(keypoints, (width, height))
    return torch.where((weights > 0)[..., None], labels, 0.0), weights


def one_hot_targets(centers: Tensor, weights: Tensor, size: Sequence[int]) -> Tensor:
    """Maps with a 1 in the cell nearest to the joint and 0 elsewhere (H2).

    Args:
        centers: (..., K, 2) in cells, x first; a centre beyond the border takes the nearest cell of the map.
        weights: (..., K); the map of a joint with the weight 0 is 0.
        size: (W, H) in cells.

    Returns:
        (..., K, H, W) in the centres' type.
    """
    columns, rows = _offsets(centers, size, rounded=True)
    return _drawn((columns == 0)[..., None, :] & (rows == 0)[..., :, None], weights, centers)


def disk_targets(centers: Tensor, weights: Tensor, size: Sequence[int], radius: tuple[float, float]) -> Tensor:
    """Maps with a 1 in every cell at most a radius from the joint and 0 elsewhere (H3).

    Args:
        centers: (..., K, 2) in cells, x first.
        weights: (..., K); the map of a joint with the weight 0 is 0.
        size: (W, H) in cells.
        radius: Half axes on x and y in cells.

    Returns:
        (..., K, H, W) in the centres' type.
    """
    for side in radius:
        check_positive('radius', side)
    columns, rows = _offsets(centers, size, rounded=False)
    square = ((columns / radius[0]) ** 2)[..., None, :] + ((rows / radius[1]) ** 2)[..., :, None]
    return _drawn(square <= 1, weights, centers)


def _offsets(centers: Tensor, size: Sequence[int], rounded: bool) -> tuple[Tensor, Tensor]:
    """Distances (..., K, W) and (..., K, H) of a map's columns and rows from the centres."""
    check_shape('centers', centers, '... K 2')
    offsets = []
    for center, side in zip(centers.unbind(-1), check_size('size', size), strict=True):
        if rounded:
            # the nearest cell, of two equally near ones the higher: round() would take the even one
            center = torch.floor(center + 0.5).clamp(0, side - 1)
        offsets.append(torch.arange(side, dtype=centers.dtype, device=centers.device) - center[..., None])
    return offsets[0], offsets[1]


def _drawn(inside: Tensor, weights: Tensor, centers: Tensor) -> Tensor:
    return (inside & (weights > 0)[..., None, None]).to(centers.dtype)
