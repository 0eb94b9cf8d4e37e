"""Learning from another network's maps (FPD: Zhang et al., "Fast Human Pose Estimation", CVPR 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_shape, check_size

__all__ = ['heatmap_square_error', 'normalized_cross_entropy', 'resample']

# what the logarithm sees at least of a map whose maximum is about 1
_FLOOR = 1e-4


def heatmap_square_error(maps: Tensor, targets: Tensor) -> Tensor:
    """Square difference of maps, the mean over the cells (equation 4 of FPD, up to its constant number of cells).

    The released program takes half of it.

    Args:
        maps: (B, K, H, W), any float type.
        targets: (B, K, H, W).

    Returns:
        (B, K), at least float32.

    Raises:
        ValueError: If a shape differs.
    """
    maps, targets = _precise(maps, targets)
    difference = maps - targets
    return (difference * difference).flatten(2).mean(-1)


def normalized_cross_entropy(maps: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of maps that are divided by their sum (FPD, table 7).

    Values of a target below zero count as zero; a target without any above it weighs nothing. Of the maps, values
    below 1e-4 count as that. Such a cell gets no gradient that would lower it further, but it gets the one that raises
    it: otherwise a peak that starts below zero would stay there.

    Args:
        maps: (B, K, H, W), values with a maximum of about 1 where a joint is; any float type.
        targets: (B, K, H, W).

    Returns:
        (B, K) in nats, at least float32.

    Raises:
        ValueError: If a shape differs.
    """
    maps, targets = (values.flatten(2) for values in _precise(maps, targets))
    targets = targets.clamp(min=0)
    total = targets.sum(-1, keepdim=True)
    probabilities = targets / torch.where(total > 0, total, 1.0)
    bounded = maps.clamp(min=_FLOOR)
    # the bounded value with the gradient of the free one
    raised = bounded.detach() + (maps - maps.detach())
    logs = (probabilities * raised.log()).sum(-1)
    return probabilities.sum(-1) * bounded.sum(-1).log() - logs


def resample(maps: Tensor, size: Sequence[int], antialias: bool = False) -> Tensor:
    """Maps or pictures of another size on the same grid: cell ``i`` still sits at ``i * old / new`` of the old one.

    Linear on each axis. Torch's ``interpolate`` puts cells at their centres, which would move every joint by up to
    half of a cell (:mod:`mmpose_ext.functional.grid`).

    Args:
        maps: (B, K, H, W), any float type.
        size: (W, H) to come to.
        antialias: Where the size shrinks, average over what a new cell covers, as pictures need it. False: the value
            at the place, which keeps the height of a peak.

    Returns:
        (B, K, H, W), at least float32; the maps themselves if the size is theirs.
    """
    check_shape('maps', maps, 'B K H W')
    width, height = check_size('size', size)
    if (width, height) == (maps.shape[-1], maps.shape[-2]):
        return maps
    with torch.autocast(maps.device.type, enabled=False):
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        maps = maps @ _weights(maps, maps.shape[-1], width, antialias).t()
        return _weights(maps, maps.shape[-2], height, antialias) @ maps


def _weights(like: Tensor, old: int, new: int, antialias: bool) -> Tensor:
    """(new, old): what of the old cells makes each of the new ones."""
    places = torch.arange(new, dtype=like.dtype, device=like.device) * (old / new)
    # behind the last old cell there is nothing to go towards
    places = places.clamp(max=old - 1)
    reach = max(old / new, 1.0) if antialias else 1.0
    cells = torch.arange(old, dtype=like.dtype, device=like.device)
    weights = (1 - (cells - places[:, None]).abs() / reach).clamp(min=0)
    return weights / weights.sum(-1, keepdim=True)


def _precise(maps: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    check_shape('targets', targets, 'B K H W', **check_shape('maps', maps, 'B K H W'))
    dtype = torch.promote_types(maps.dtype, torch.float32)
    return maps.to(dtype), targets.to(dtype)
