"""The one place where errors of joints become a loss."""

import torch
from torch import Tensor

from .checks import check_choice, check_shape

__all__ = ['weighted_reduce']


def weighted_reduce(values: Tensor, weights: Tensor, reduction: str = 'valid') -> Tensor:
    """Weighted mean of the errors of joints.

    The weight stands outside of whatever made the error, and a joint with the weight 0 counts for nothing, whatever
    its value is: a NaN there reaches neither the mean nor the gradient of ``values``. Without any joint that counts
    the loss is 0 and still has a graph, which DDP needs.

    Axes may have weights of their own, as where some joints of a batch have depth and others have none: (B, K, D). The
    mean is then over the axes, too, so that equal weights on the axes of a joint are one weight of their mean.

    Args:
        values: (B, K), the error of each joint, or (B, K, D), of each of its axes.
        weights: Likewise, not negative.
        reduction: By what the weighted sum is divided. 'valid': the number of joints (or axes) with a weight,
            'batch': B (or B * D), 'all': B * K (or B * K * D).

    Returns:
        A scalar in the values' type.

    Raises:
        ValueError: If a shape differs or the reduction is none of these.
    """
    dims = 'B K D' if values.dim() == 3 else 'B K'
    sizes = check_shape('values', values, dims)
    check_shape('weights', weights, dims, **sizes)
    check_choice('reduction', reduction, ('valid', 'batch', 'all'))
    counted = weights > 0
    # zeros before the product: 0 * NaN would be NaN, in the gradient, too
    total = (torch.where(counted, values, 0.0) * weights).sum()
    if reduction == 'valid':
        return total / counted.sum().clamp(min=1)
    return total / (sizes['B'] * sizes.get('D', 1) * (1 if reduction == 'batch' else sizes['K']))
