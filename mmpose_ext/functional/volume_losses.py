"""Errors of joints in volumes, (B, K): H1 and H2 of integral regression with depth (Sun et al., ECCV 2018).

A target volume is the outer product of a map on x and y and a vector on depth, and is never drawn. A joint without
depth is held to what the volume says of x and y: its sum over depth (equation 5 of the paper, of the depth axis alone).
Both errors are computed for every joint and one is taken, so that a batch may mix both kinds without a branch. The
error of the marginal moves the cells of a column together: it has no gradient that would move a joint in depth.

Everything is computed in float32 (or float64), whatever type the network's output has.
"""

import torch
from torch import Tensor

from .checks import check_positive, check_shape

__all__ = ['volume_cross_entropy', 'volume_square_error']


def volume_square_error(volumes: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
    """Square error of volumes, the mean over the cells (H1).

    The paper says that 2D samples can have a loss on such volumes, but not which. Here a target's sum over depth is its
    map times the vector's sum s, so the volume's sum over depth divided by s is held to the map: a volume that is right
    in 3D is right in 2D. The square is multiplied by the vector's sum of squares and divided by all cells, which makes
    it the 3D error of a volume that has the vector's shape on depth: 2D and 3D joints weigh alike.

    Args:
        volumes: (B, K, D, H, W).
        maps: Targets on x and y (B, K, H, W).
        vectors: Targets on depth (B, K, D); of a joint without depth only the two sums count.
        has_depth: (B, K) bool.

    Returns:
        (B, K).

    Raises:
        ValueError: If a shape differs.
    """
    volumes = _checked(volumes, maps, vectors, has_depth)
    cells = volumes[0, 0].numel()
    # one kernel, in which no target is kept; expanding the square would cancel digits instead
    difference = torch.addcmul(volumes, vectors[..., None, None], maps[:, :, None], value=-1)
    solid = difference.square().sum((2, 3, 4)) / cells
    mass = vectors.sum(-1).clamp(min=torch.finfo(vectors.dtype).tiny)
    marginal = volumes.sum(2) / mass[..., None, None]
    flat = (marginal - maps).square().sum((2, 3)) * vectors.square().sum(-1) / cells
    return torch.where(has_depth, solid, flat)


def volume_cross_entropy(logits: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor, beta: float = 1.0) -> Tensor:
    """Cross-entropy of the softmax over all cells of a volume (H2).

    For a joint without depth it is that of the probabilities' sum over depth.

    Args:
        logits: (B, K, D, H, W).
        maps: Targets on x and y (B, K, H, W), with the sum 1 for a joint that counts.
        vectors: Targets on depth (B, K, D), likewise; of a joint without depth they do not matter.
        has_depth: (B, K) bool.
        beta: Factor of the logits before the softmax.

    Returns:
        (B, K) in nats.

    Raises:
        ValueError: If a shape differs or ``beta`` is not above 0.
    """
    check_positive('beta', beta)
    logits = _checked(logits, maps, vectors, has_depth) * beta
    columns = logits.logsumexp(2)
    partition = columns.flatten(2).logsumexp(-1)
    mass = maps.sum((2, 3))
    # products and sums: a matrix product may be computed with fewer digits
    solid = ((logits * vectors[..., None, None]).sum(2) * maps).sum((2, 3)) - partition * mass * vectors.sum(-1)
    flat = (columns * maps).sum((2, 3)) - partition * mass
    return -torch.where(has_depth, solid, flat)


def _checked(volumes: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
    """Volumes in float32 (or float64), if everything fits together."""
    sizes = check_shape('volumes', volumes, 'B K D H W')
    for name, targets, dims in (
        ('maps', maps, 'B K H W'),
        ('vectors', vectors, 'B K D'),
        ('has_depth', has_depth, 'B K'),
    ):
        check_shape(name, targets, dims, **{letter: sizes[letter] for letter in dims.split()})
    return volumes if volumes.dtype == torch.float64 else volumes.float()
