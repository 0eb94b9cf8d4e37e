"""Errors of joints, (B, K) or (B, K, D), before they are weighted and averaged (see :func:`weighted_reduce`).

All are computed in float32 (or float64), whatever the type of the network's output.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_choice, check_positive, check_shape

__all__ = ['coordinate_error', 'heatmap_binary_cross_entropy', 'heatmap_cross_entropy']


def _precise(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def coordinate_error(points: Tensor, targets: Tensor, norm: str = 'l1') -> Tensor:
    """Distance of points from their labels on each axis.

    Args:
        points: (B, K, D).
        targets: (B, K, D) in the same unit.
        norm: 'l1': absolute difference on each axis; 'l2': its square.

    Returns:
        (B, K, D).

    Raises:
        ValueError: If a shape differs or the norm is none of these.

    Example:
        >>> import torch
        >>> coordinate_error(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0.0, 5.0]]]), 'l2')
        tensor([[[1., 9.]]])
    """
    check_shape('targets', targets, 'B K D', **check_shape('points', points, 'B K D'))
    check_choice('norm', norm, ('l1', 'l2'))
    difference = _precise(points) - targets
    return difference.abs() if norm == 'l1' else difference * difference


def heatmap_cross_entropy(logits: Tensor, targets: Tensor, beta: float = 1.0) -> Tensor:
    """Cross-entropy of the softmax over all cells of a map (H2 of Sun et al., 2018, after Mask R-CNN).

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W).
        targets: Non-negative maps of the same shape. The sum of a map is the weight of its entropy; it is 1 for one-hot
            targets.
        beta: Factor of the logits before the softmax.

    Returns:
        (B, K) in nats.

    Raises:
        ValueError: If a shape differs or ``beta`` is not above 0.

    Example:
        >>> import torch
        >>> heatmap_cross_entropy(torch.zeros(1, 1, 2, 2), torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]]))
        tensor([[1.3863]])
    """
    _check_maps(logits, targets)
    check_positive('beta', beta)
    return -(targets.flatten(2) * (_precise(logits).flatten(2) * beta).log_softmax(-1)).sum(-1)


def heatmap_binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of every cell of a map, the mean over the cells (H3 of Sun et al., 2018).

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), before the sigmoid.
        targets: Of the same shape, 0 to 1.

    Returns:
        (B, K) in nats.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> heatmap_binary_cross_entropy(torch.zeros(1, 1, 2, 2), torch.eye(2).view(1, 1, 2, 2))
        tensor([[0.6931]])
    """
    _check_maps(logits, targets)
    logits = _precise(logits)
    cells = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction='none')
    return cells.flatten(2).mean(-1)


def _check_maps(logits: Tensor, targets: Tensor) -> None:
    if logits.dim() not in (4, 5) or 0 in logits.shape[2:]:
        raise ValueError(
            f"'logits' must have shape (B, K, H, W) or (B, K, D, H, W) with at least one cell, "
            f'got shape {tuple(logits.shape)}'
        )
    if logits.shape != targets.shape:
        raise ValueError(f"'targets' must have shape {tuple(logits.shape)}, got {tuple(targets.shape)}")
