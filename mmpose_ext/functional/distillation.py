"""Learning from the heatmaps of another network (FPD: Zhang et al., "Fast Human Pose Estimation", CVPR 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_shape, check_size
from .precision import full_precision

__all__ = ['heatmap_square_error', 'normalized_cross_entropy', 'resample']

# the smallest value whose logarithm is taken, of a map whose maximum is about 1
_FLOOR = 1e-4


def heatmap_square_error(maps: Tensor, targets: Tensor) -> Tensor:
    """Squared difference of maps, the mean over the cells (equation 4 of FPD, which has the sum).

    The official implementation takes half of it.

    Args:
        maps: (B, K, H, W), any floating-point type.
        targets: (B, K, H, W).

    Returns:
        (B, K), float32 or float64.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> heatmap_square_error(torch.zeros(1, 1, 2, 2), torch.eye(2).view(1, 1, 2, 2))
        tensor([[0.5000]])
    """
    maps, targets = _precise(maps, targets)
    difference = maps - targets
    return (difference * difference).flatten(2).mean(-1)


def normalized_cross_entropy(maps: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of maps that are divided by their sum (FPD, table 7).

    ``-sum(q * log(p))`` with ``p = maps / maps.sum()`` and ``q = targets / targets.sum()``. Values of a target below 0
    count as 0; a target without any value above 0 has no error. Values of ``maps`` below 1e-4 count as 1e-4. Such a
    cell keeps its gradient where the target is above 0: otherwise a peak that starts below zero would stay there.

    Args:
        maps: (B, K, H, W), with a maximum of about 1 where a joint is; any floating-point type.
        targets: (B, K, H, W).

    Returns:
        (B, K) in nats, float32 or float64.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> normalized_cross_entropy(torch.ones(1, 1, 2, 2), torch.eye(2).view(1, 1, 2, 2))  # log 4
        tensor([[1.3863]])
    """
    maps, targets = (values.flatten(2) for values in _precise(maps, targets))
    targets = targets.clamp(min=0)
    total = targets.sum(-1, keepdim=True)
    probabilities = targets / torch.where(total > 0, total, 1.0)
    bounded = maps.clamp(min=_FLOOR)
    # the bounded value, with the gradient of the free one: the difference is exactly 0
    raised = bounded.detach() + (maps - maps.detach())
    logs = (probabilities * raised.log()).sum(-1)
    return probabilities.sum(-1) * bounded.sum(-1).log() - logs


def resample(maps: Tensor, size: Sequence[int], antialias: bool = False) -> Tensor:
    """Maps or images of another size on the same grid: cell ``i`` still sits at ``i * old / new`` of the old one.

    Linear on each axis, as a product with a matrix. Torch's ``interpolate`` aligns the outer borders of the cells
    instead, which would move every joint by up to half of a cell (see :mod:`mmpose_ext.functional.grid`).

    Args:
        maps: (B, K, H, W), any floating-point type; computed in float32 or float64, also under autocast.
        size: New (W, H).
        antialias: Where the size shrinks, average over the area of a new cell, which images need. False: the value at
            the position of the new cell, which keeps the height of a peak.

    Returns:
        (B, K, H, W), float32 or float64; the maps themselves if they have this size already.

    Raises:
        ValueError: If ``maps`` has another number of dimensions or the size is not two whole numbers above zero.

    Example:
        >>> import torch
        >>> resample(torch.tensor([[[[0.0, 2.0, 4.0, 6.0]]]]), (8, 1))
        tensor([[[[0., 1., 2., 3., 4., 5., 6., 6.]]]])
    """
    check_shape('maps', maps, 'B K H W')
    width, height = check_size('size', size)
    if (width, height) == (maps.shape[-1], maps.shape[-2]):
        return maps
    with full_precision(maps.device):
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        maps = maps @ _weights(maps, maps.shape[-1], width, antialias).t()
        return _weights(maps, maps.shape[-2], height, antialias) @ maps


def _weights(like: Tensor, old: int, new: int, antialias: bool) -> Tensor:
    """Matrix (new, old): the share of each old cell in each new one."""
    positions = torch.arange(new, dtype=like.dtype, device=like.device) * (old / new)
    # beyond the last old cell its value is repeated
    positions = positions.clamp(max=old - 1)
    reach = max(old / new, 1.0) if antialias else 1.0
    cells = torch.arange(old, dtype=like.dtype, device=like.device)
    weights = (1 - (cells - positions[:, None]).abs() / reach).clamp(min=0)
    return weights / weights.sum(-1, keepdim=True)


def _precise(maps: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    check_shape('targets', targets, 'B K H W', **check_shape('maps', maps, 'B K H W'))
    dtype = torch.promote_types(maps.dtype, torch.float32)
    return maps.to(dtype), targets.to(dtype)
