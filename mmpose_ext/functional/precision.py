"""Which floating-point type is computed in: the step from a narrow type into a wide one, and autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from .checks import check_choice

__all__ = ['full_precision', 'upcast']

_WIDE = (torch.float32, torch.float64)


class _NarrowType(FunctionCtx):
    narrow: torch.dtype


class _SaturatingCast(torch.autograd.Function):
    """A cast whose gradient is clamped to the range of the type that it goes back to."""

    @staticmethod
    def forward(ctx: _NarrowType, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.narrow = tensor.dtype
        return tensor.to(dtype)

    @staticmethod
    def backward(ctx: _NarrowType, *gradients: Tensor) -> tuple[Tensor, None]:
        limits = torch.finfo(ctx.narrow)
        return gradients[0].clamp(limits.min, limits.max).to(ctx.narrow), None


def _autocasts(device_type: str) -> bool:
    """Whether autocast is on."""
    if device_type == 'meta':  # which has no autocast
        return False
    try:
        return torch.is_autocast_enabled(device_type)
    except TypeError:  # torch < 2.4 has one function for each type of device
        return torch.is_autocast_cpu_enabled() if device_type == 'cpu' else torch.is_autocast_enabled()


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products and convolutions have the type of their inputs, also under autocast.

    Example:
        >>> import torch
        >>> matrix = torch.eye(2)
        >>> with torch.autocast('cpu', dtype=torch.bfloat16):
        ...     with full_precision(matrix.device):
        ...         print((matrix @ matrix).dtype)
        torch.float32
    """
    if _autocasts(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def upcast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert a tensor to float32 or float64, with a gradient that stays finite in the tensor's own type.

    The largest number of float16 is 65504. A gradient beyond it becomes 65504 here and infinity in ``Tensor.to``: one
    step on a small sigma would leave no finite weight in a module in half precision. Under autocast the gradient stays
    infinite, which tells a loss scaler that its factor is too large.

    Args:
        tensor: (...), of any floating-point type.
        dtype: float32 or float64.

    Returns:
        (...), in ``dtype``.

    Raises:
        ValueError: If ``dtype`` is another type.

    Example:
        >>> import torch
        >>> sigma = torch.ones(1, dtype=torch.float16, requires_grad=True)
        >>> (1e9 * upcast(sigma, torch.float32)).sum().backward()
        >>> sigma.grad
        tensor([65504.], dtype=torch.float16)
    """
    check_choice('dtype', dtype, _WIDE)
    if tensor.dtype in _WIDE or _autocasts(tensor.device.type):
        return tensor.to(dtype)
    return _SaturatingCast.apply(tensor, dtype)
