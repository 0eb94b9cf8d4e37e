"""Labels of integral regression (Sun et al., ECCV 2018): coordinates, and maps with one cell or a disk for a joint."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_positive, check_shape, check_size
from .grid import depth_to_normalized, input_to_normalized
from .reduce import has_weight

__all__ = ['coordinate_labels', 'depth_labels', 'disk_targets', 'one_hot_targets', 'one_hot_vectors']


def coordinate_labels(keypoints: Tensor, visible: Tensor, input_size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Regression labels and loss weights of joints, on x and y (:func:`depth_labels` gives those of depth).

    A joint outside the image (whose pixels are 0 to w - 1 and 0 to h - 1, as in MMPose) has the weight 0: no
    expectation over the cells of the image can reach it. So has a joint with a NaN, and one without a label. Labels
    without weight are 0, so that no NaN reaches a loss.

    Args:
        keypoints: (..., K, 2) in input pixels, x first.
        visible: (..., K), a finite number above 0 for a labeled joint.
        input_size: (w, h) in pixels.

    Returns:
        Labels (..., K, 2) in normalized coordinates (pixels / input size) and weights (..., K), each 0 or 1.

    Raises:
        ValueError: If the size is not two whole numbers above zero.

    Example:
        >>> import torch
        >>> coordinate_labels(torch.tensor([[96.0, 64.0], [200.0, 64.0]]), torch.ones(2), (192, 256))
        (tensor([[0.5000, 0.2500],
                [0.0000, 0.0000]]), tensor([1., 0.]))
    """
    width, height = check_size('input_size', input_size)
    x, y = keypoints[..., 0], keypoints[..., 1]
    # comparisons with NaN are false
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    weights = torch.where(inside & has_weight(visible), torch.ones_like(visible), 0.0)
    labels = input_to_normalized(keypoints, (width, height))
    return torch.where((weights > 0)[..., None], labels, 0.0), weights


def depth_labels(depth: Tensor, weights: Tensor, depth_range: float) -> tuple[Tensor, Tensor]:
    """Regression labels and loss weights of the depths of joints.

    A joint without depth (NaN), or with one beyond the box, has the weight 0 here and keeps its weight for x and y. A
    joint without weight for x and y has none here either: a depth without a position in the image trains nothing.

    Args:
        depth: (...) in millimeters behind the root joint.
        weights: (...), those of x and y from :func:`coordinate_labels`.
        depth_range: Millimeters of the box around the root joint.

    Returns:
        Labels (...) in normalized coordinates, 0 without a weight, and weights (...).

    Raises:
        ValueError: If ``depth_range`` is not a finite number above zero.

    Example:
        >>> import torch
        >>> depth_labels(torch.tensor([500.0, float('nan')]), torch.ones(2), depth_range=2000.0)
        (tensor([0.7500, 0.0000]), tensor([1., 0.]))
    """
    check_positive('depth_range', depth_range)
    labels = depth_to_normalized(depth, depth_range)
    # comparisons with NaN are false
    weights = torch.where((labels >= 0) & (labels <= 1), weights, 0.0)
    return torch.where(weights > 0, labels, 0.0), weights


def one_hot_vectors(centers: Tensor, size: int) -> Tensor:
    """Vectors with a 1 in the cell nearest to a center and 0 elsewhere.

    A map of :func:`one_hot_targets` times such a vector on depth is a volume with a 1 in one cell.

    Args:
        centers: (...), in cells.
        size: Number of cells.

    Returns:
        (..., size) in the type of the centers.

    Example:
        >>> import torch
        >>> one_hot_vectors(torch.tensor([1.2, 9.0]), 4)
        tensor([[0., 1., 0., 0.],
                [0., 0., 0., 1.]])
    """
    return (_distances(centers, size, rounded=True) == 0).to(centers.dtype)


def one_hot_targets(centers: Tensor, weights: Tensor, size: Sequence[int]) -> Tensor:
    """Maps with a 1 in the cell nearest to the joint and 0 elsewhere (H2).

    Args:
        centers: (..., K, 2) in cells, x first; a center beyond the border takes the nearest cell of the map.
        weights: (..., K); the map of a joint with the weight 0 is 0.
        size: (W, H) in cells.

    Returns:
        (..., K, H, W) in the type of the centers.

    Raises:
        ValueError: If a shape or the size is out of range.

    Example:
        >>> import torch
        >>> one_hot_targets(torch.tensor([[1.4, 0.0]]), torch.ones(1), (3, 2))
        tensor([[[0., 1., 0.],
                 [0., 0., 0.]]])
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
        (..., K, H, W) in the type of the centers.

    Raises:
        ValueError: If a shape, the size or a radius is out of range.

    Example:
        >>> import torch
        >>> disk_targets(torch.tensor([[1.0, 1.0]]), torch.ones(1), (4, 3), (1.0, 1.0))
        tensor([[[0., 1., 0., 0.],
                 [1., 1., 1., 0.],
                 [0., 1., 0., 0.]]])
    """
    for side in radius:
        check_positive('radius', side)
    columns, rows = _offsets(centers, size, rounded=False)
    square = ((columns / radius[0]) ** 2)[..., None, :] + ((rows / radius[1]) ** 2)[..., :, None]
    return _drawn(square <= 1, weights, centers)


def _offsets(centers: Tensor, size: Sequence[int], rounded: bool) -> tuple[Tensor, Tensor]:
    """Distances (..., K, W) and (..., K, H) of a map's columns and rows from the centers."""
    check_shape('centers', centers, '... K 2')
    width, height = check_size('size', size)
    return _distances(centers[..., 0], width, rounded), _distances(centers[..., 1], height, rounded)


def _distances(centers: Tensor, side: int, rounded: bool) -> Tensor:
    """Distances (..., side) of cells from centers (...)."""
    if rounded:
        # of two equally near cells the higher one: round() would take the even one
        centers = torch.floor(centers + 0.5).clamp(0, side - 1)
    return torch.arange(side, dtype=centers.dtype, device=centers.device) - centers[..., None]


def _drawn(inside: Tensor, weights: Tensor, centers: Tensor) -> Tensor:
    return (inside & (weights > 0)[..., None, None]).to(centers.dtype)
