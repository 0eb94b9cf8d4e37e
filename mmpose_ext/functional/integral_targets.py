"""Labels of integral regression (Sun et al., ECCV 2018): coordinates, and maps with one cell or a disk for a joint."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_positive, check_shape, check_size
from .grid import depth_to_normalized, input_to_normalized

__all__ = ['coordinate_labels', 'depth_labels', 'disk_targets', 'one_hot_targets', 'one_hot_vectors']


def coordinate_labels(keypoints: Tensor, visible: Tensor, input_size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Regression labels and loss weights of joints, on x and y; depth is :func:`depth_labels`.

    A joint outside of the picture (its pixels are 0 to w - 1 and 0 to h - 1, as in MMPose) gets the weight 0: no
    expectation over the picture's cells reaches it. So does one with a NaN; labels without a weight are 0, so that no
    NaN reaches a loss.

    Args:
        keypoints: (..., K, 2) in input pixels, x first.
        visible: (..., K), 1 for a labelled joint, 0 for one without a label.
        input_size: (w, h) in pixels.

    Returns:
        Labels (..., K, 2) in unit coordinates (pixels / input size) and weights (..., K).
    """
    width, height = check_size('input_size', input_size)
    x, y = keypoints[..., 0], keypoints[..., 1]
    # comparisons with NaN are false
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    weights = torch.where(inside & (visible >= 0.5), visible, 0.0)
    labels = input_to_normalized(keypoints, (width, height))
    return torch.where((weights > 0)[..., None], labels, 0.0), weights


def depth_labels(depth: Tensor, weights: Tensor, depth_range: float) -> tuple[Tensor, Tensor]:
    """Regression labels and loss weights of joints' depths.

    A joint without depth (NaN) or beyond the box gets the weight 0 here, and keeps the one that it has for x and y. So
    does one that has none there: a depth without a place in the picture trains nothing.

    Args:
        depth: (...) in millimetres behind the root joint.
        weights: (...), those of x and y from :func:`coordinate_labels`.
        depth_range: Millimetres of the box around the root joint.

    Returns:
        Labels (...) in unit coordinates, 0 without a weight, and weights (...).
    """
    check_positive('depth_range', depth_range)
    labels = depth_to_normalized(depth, depth_range)
    # comparisons with NaN are false
    weights = torch.where((labels >= 0) & (labels <= 1), weights, 0.0)
    return torch.where(weights > 0, labels, 0.0), weights


def one_hot_vectors(centers: Tensor, size: int) -> Tensor:
    """Vectors (..., size) with a 1 in the cell nearest to a centre (...), in cells, and 0 elsewhere.

    One of :func:`one_hot_targets` times one of these on depth is a volume with a 1 in one cell.
    """
    return (_distances(centers, size, rounded=True) == 0).to(centers.dtype)


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
    width, height = check_size('size', size)
    return _distances(centers[..., 0], width, rounded), _distances(centers[..., 1], height, rounded)


def _distances(centers: Tensor, side: int, rounded: bool) -> Tensor:
    """Distances (..., side) of cells from centres (...)."""
    if rounded:
        # the nearest cell, of two equally near ones the higher: round() would take the even one
        centers = torch.floor(centers + 0.5).clamp(0, side - 1)
    return torch.arange(side, dtype=centers.dtype, device=centers.device) - centers[..., None]


def _drawn(inside: Tensor, weights: Tensor, centers: Tensor) -> Tensor:
    return (inside & (weights > 0)[..., None, None]).to(centers.dtype)
