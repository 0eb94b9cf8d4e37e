"""The step from a narrow type into the one that is computed in, and back in the gradient."""

from typing import Any

import torch
from torch import Tensor

from .checks import check_choice

__all__ = ['upcast']

_WIDE = (torch.float32, torch.float64)


class _Saturating(torch.autograd.Function):
    """A cast whose gradient is cut to the range of the type that it goes back to."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.narrow = tensor.dtype
        return tensor.to(dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        limits = torch.finfo(ctx.narrow)
        return gradients[0].clamp(limits.min, limits.max).to(ctx.narrow), None


def _autocasts(device_type: str) -> bool:
    """Whether autocast is on."""
    try:
        return torch.is_autocast_enabled(device_type)
    except TypeError:  # torch < 2.4 asks each device in its own way
        return torch.is_autocast_cpu_enabled() if device_type == 'cpu' else torch.is_autocast_enabled()


def upcast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in a type to compute in, whose gradient is finite in the tensor's own type wherever it is in this one.

    A gradient that float16 cannot hold (65504 is its largest number) becomes the largest number that it can, not
    infinity, as torch alone has it: one step on a small sigma would leave no finite weight in a module in half
    precision. Under autocast it stays infinity, which is what tells a loss scaler that its factor is too large.

    Args:
        tensor: (...), of any floating-point type.
        dtype: float32 or float64.

    Returns:
        (...), in ``dtype``.
    """
    check_choice('dtype', dtype, _WIDE)
    if tensor.dtype in _WIDE or _autocasts(tensor.device.type):
        return tensor.to(dtype)
    return _Saturating.apply(tensor, dtype)
