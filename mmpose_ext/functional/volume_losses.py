"""Errors of joints in volumes, (B, K): H1 and H2 of integral regression with depth (Sun et al., ECCV 2018).

A target volume is the outer product of a map on x and y and a vector on depth; it is never drawn. A joint without depth
is compared on x and y only: with the sum of its volume over depth (equation 5 of the paper, for the depth axis). Both
errors are computed for every joint and one is taken, so that a batch may mix both kinds without a branch. The error on
x and y has the same gradient for all cells of a column, so that it cannot move a joint in depth.

Everything is computed in float32 (or float64), whatever the type of the network's output.
"""

import torch
from torch import Tensor

from .checks import check_positive, check_shape

__all__ = ['volume_cross_entropy', 'volume_square_error']


def volume_square_error(volumes: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor) -> Tensor:
    """Squared error of volumes, the mean over the cells (H1).

    With depth::

        mean((volume - vector * map) ** 2)

    Without depth. The paper says that 2D samples can have a loss on such volumes, but not which. The sum of a target
    volume over depth is its map times ``s = sum(vector)``. So the sum of the volume over depth, divided by s, is
    compared with the map::

        sum((volume.sum(depth) / s - map) ** 2) * sum(vector ** 2) / (D * H * W)

    A volume that is right in 3D has no error in 2D. The factor makes the error that of a volume which has the shape of
    the vector on depth, so that 2D and 3D joints weigh alike.

    Args:
        volumes: (B, K, D, H, W).
        maps: Targets on x and y (B, K, H, W).
        vectors: Targets on depth (B, K, D). Of a joint without depth only the two sums are used.
        has_depth: (B, K) bool.

    Returns:
        (B, K).

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> volume, heatmap, vector = torch.zeros(1, 1, 2, 2, 2), torch.eye(2).view(1, 1, 2, 2), torch.ones(1, 1, 2)
        >>> volume_square_error(volume, heatmap, vector, torch.tensor([[True]]))
        tensor([[0.5000]])
    """
    volumes = _checked(volumes, maps, vectors, has_depth)
    cells = volumes.shape[2] * volumes.shape[3] * volumes.shape[4]
    # one kernel, which does not keep the target; to expand the square would cancel digits
    difference = torch.addcmul(volumes, vectors[..., None, None], maps[:, :, None], value=-1)
    solid = difference.square().sum((2, 3, 4)) / cells
    mass = vectors.sum(-1).clamp(min=torch.finfo(vectors.dtype).tiny)
    marginal = volumes.sum(2) / mass[..., None, None]
    flat = (marginal - maps).square().sum((2, 3)) * vectors.square().sum(-1) / cells
    return torch.where(has_depth, solid, flat)


def volume_cross_entropy(logits: Tensor, maps: Tensor, vectors: Tensor, has_depth: Tensor, beta: float = 1.0) -> Tensor:
    """Cross-entropy of the softmax over all cells of a volume (H2).

    With ``p = softmax(beta * logits)``: with depth ``-sum(vector * map * log p)``, without depth
    ``-sum(map * log p.sum(depth))``.

    Args:
        logits: (B, K, D, H, W).
        maps: Targets on x and y (B, K, H, W), with the sum 1 for a joint that counts.
        vectors: Targets on depth (B, K, D), likewise; not used for a joint without depth.
        has_depth: (B, K) bool.
        beta: Factor of the logits before the softmax.

    Returns:
        (B, K) in nats.

    Raises:
        ValueError: If a shape differs or ``beta`` is not above 0.

    Example:
        >>> import torch
        >>> heatmap, vector = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]), torch.tensor([[[0.0, 1.0]]])
        >>> volume_cross_entropy(torch.zeros(1, 1, 2, 2, 2), heatmap, vector, torch.tensor([[True]]))  # log 8
        tensor([[2.0794]])
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
    """Volumes in float32 (or float64), if all shapes fit together."""
    sizes = check_shape('volumes', volumes, 'B K D H W')
    if 0 in (sizes['D'], sizes['H'], sizes['W']):
        raise ValueError(f"'volumes' must have at least one cell, got shape {tuple(volumes.shape)}")
    for name, targets, dims in (
        ('maps', maps, 'B K H W'),
        ('vectors', vectors, 'B K D'),
        ('has_depth', has_depth, 'B K'),
    ):
        check_shape(name, targets, dims, **{letter: sizes[letter] for letter in dims.split()})
    return volumes if volumes.dtype == torch.float64 else volumes.float()
