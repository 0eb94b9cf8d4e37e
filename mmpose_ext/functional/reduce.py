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

    Args:
        values: (B, K), the error of each joint.
        weights: (B, K), not negative.
        reduction: By what the weighted sum is divided. 'valid': the number of joints with a weight, 'batch': B, 'all':
            B * K.

    Returns:
        A scalar in the values' type.

    Raises:
        ValueError: If a shape differs or the reduction is none of these.
    """
    sizes = check_shape('values', values, 'B K')
    check_shape('weights', weights, 'B K', **sizes)
    check_choice('reduction', reduction, ('valid', 'batch', 'all'))
    counted = weights > 0
    # zeros before the product: 0 * NaN would be NaN, in the gradient, too
    total = (torch.where(counted, values, 0.0) * weights).sum()
    if reduction == 'valid':
        return total / counted.sum().clamp(min=1)
    return total / (sizes['B'] if reduction == 'batch' else sizes['B'] * sizes['K'])
