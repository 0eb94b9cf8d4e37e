"""From the errors of joints to the loss of a batch: the one place that says which joints count, and by how much."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

from .checks import check_choice, check_shape

__all__ = ['REDUCTIONS', 'has_weight', 'mask_gradient', 'weighted_reduce']

REDUCTIONS = ('valid', 'batch', 'all')


def has_weight(weights: Tensor) -> Tensor:
    """Which joints count in a loss: those whose weight is a finite number above zero.

    A weight that is negative, NaN or infinite counts as 0, in every loss of this package.

    Args:
        weights: (...).

    Returns:
        (...) bool.

    Example:
        >>> import torch
        >>> has_weight(torch.tensor([1, 0.5, 0, -1, float('nan'), float('inf')]))
        tensor([ True,  True, False, False, False, False])
    """
    # comparisons with NaN are false
    return (weights > 0) & (weights < float('inf'))


class _Saved(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]


class _MaskedGradient(torch.autograd.Function):
    """The identity, whose gradient is set to 0 where a mask is False."""

    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor, counted: Tensor) -> Tensor:
        ctx.save_for_backward(counted)
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: _Saved, *gradients: Tensor) -> tuple[Tensor, None]:
        (counted,) = ctx.saved_tensors
        (gradient,) = gradients
        # Most often the gradient is 0 there already. On a CPU it costs less to look than to copy the whole gradient. On
        # other devices to look would make the host wait; a compiled graph has no branches and copies nothing either.
        looks = gradient.device.type == 'cpu' and not torch.compiler.is_compiling()
        if looks and not gradient[~counted.expand(gradient.shape[: counted.dim()])].any():
            return gradient, None
        return gradient.masked_fill(~_with_axes(counted, gradient.dim()), 0.0), None


def mask_gradient(tensor: Tensor, weights: Tensor) -> Tensor:
    """A network's output whose joints without weight get the gradient 0, whatever is computed of them.

    :func:`weighted_reduce` leaves the errors of such joints out of the loss. Their gradient would still be 0 * NaN =
    NaN where the error of a joint is NaN, because its target or its output is. This function stops that NaN. It costs
    nothing in the forward pass and, on a CPU, little in the backward pass unless there is something to stop. A loss
    with parameters of its own has to replace NaNs before anything is computed.

    Args:
        tensor: (B, K, ...), what the network returned.
        weights: (B, K), or a shape that broadcasts to that of ``tensor`` from the left.

    Returns:
        ``tensor``, value by value.

    Example:
        >>> import torch
        >>> points = torch.tensor([[1.0, float('nan')]], requires_grad=True)
        >>> mask_gradient(points, torch.tensor([[1.0, 0.0]])).square().sum().backward()
        >>> points.grad
        tensor([[2., 0.]])
    """
    return _MaskedGradient.apply(tensor, has_weight(weights))


def _with_axes(mask: Tensor, dim: int) -> Tensor:
    """A mask with axes of length 1 behind its own, ``dim`` in all."""
    return mask.view(*mask.shape, *(1,) * (dim - mask.dim()))


def _number_of_processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _mean_of_processes(count: Tensor, processes: int) -> Tensor:
    """Mean of a count over all processes, such that the sum over them is 1 at least."""
    mean = count.float() / processes
    dist.all_reduce(mean)
    return mean.clamp(min=1 / processes)


def weighted_reduce(values: Tensor, weights: Tensor, reduction: str = 'valid') -> Tensor:
    """Sum of weighted errors, divided by the number of joints that count.

    ``sum(weights * values) / divisor``, where an error without weight (see :func:`has_weight`) is left out even if it
    is NaN.

    Axes may have weights of their own, such as the depth of a joint that some images label and others do not:
    (B, K, D). The mean is then over the axes as well, so that equal weights on the axes of a joint are one weight of
    their mean.

    With several processes the divisor is the mean of those of all processes (the convention of MMDetection). Then
    DistributedDataParallel, which averages the gradients, gives the gradient of one process with the whole batch. All
    processes have to call this function equally often.

    Args:
        values: (B, K), the error of each joint, or (B, K, D), of each of its axes.
        weights: Of the same shape.
        reduction: The divisor. 'valid': the number of joints (or axes) with a weight, 'batch': B (or B * D), 'all':
            B * K (or B * K * D). It is 1 at least.

    Returns:
        A scalar in the type of ``values``; 0 with a graph if no joint has a weight or the batch is empty.

    Raises:
        ValueError: If a shape differs or the reduction is none of these.

    Example:
        >>> import torch
        >>> errors, weights = torch.tensor([[1.0, 5.0, float('nan')]]), torch.tensor([[1.0, 0.5, 0.0]])
        >>> [weighted_reduce(errors, weights, reduction).item() for reduction in ('valid', 'batch', 'all')]
        [1.75, 3.5, 1.1666666269302368]
    """
    dims = 'B K D' if values.dim() == 3 else 'B K'
    sizes = check_shape('values', values, dims)
    check_shape('weights', weights, dims, **sizes)
    check_choice('reduction', reduction, REDUCTIONS)
    counted = has_weight(weights)
    # zeros before the product, in which 0 * NaN would be NaN; the same holds for the gradient
    total = (torch.where(counted, values, 0.0) * torch.where(counted, weights, 0.0)).sum()
    count: Tensor | int = counted.sum()
    if reduction != 'valid':
        count = sizes['B'] * sizes.get('D', 1) * (1 if reduction == 'batch' else sizes['K'])
    processes = _number_of_processes()
    if processes > 1:
        return total / _mean_of_processes(torch.as_tensor(count, device=total.device), processes)
    return total / (count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1))
