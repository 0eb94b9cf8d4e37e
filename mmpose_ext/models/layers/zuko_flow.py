"""Flows of the library zuko, an optional one (the extra ``flows``)."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call

from mmpose_ext.functional import check_choice, upcast
from mmpose_ext.registry import MODELS

from .flow import Flow, init_near_identity

__all__ = ['ZukoFlow']


def _import_zuko() -> Any:
    """The library; unlike its own import, this leaves torch's check of distributions' arguments as it was."""
    kept = Distribution._validate_args
    try:
        return import_module('zuko')
    except ImportError as error:
        raise ImportError("ZukoFlow needs zuko, found none; install it: pip install 'mmpose_ext[flows]'") from error
    finally:
        Distribution._validate_args = kept


class _Transform(nn.Module):
    """A lazy transformation of zuko as a function of points, which ``functional_call`` needs."""

    def __init__(self, lazy: nn.Module) -> None:
        super().__init__()
        self.lazy = lazy

    def forward(self, points: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        transform = self.lazy()
        return (transform.inv if inverse else transform).call_and_ladj(points)


@MODELS.register_module()
class ZukoFlow(Flow):
    """Another flow for residual log-likelihood estimation.

    Args:
        name: 'MAF', masked autoregressive affine flow (Papamakarios et al., 2017), or 'NSF', neural spline flow
            (Durkan et al., 2019), whose splines reach from -5 to 5 and which is the identity beyond.
        dim: Number of axes D, at least 2.
        transforms: Number of autoregressive transformations.
        hidden_features: Neurons of each hidden layer of their nets.
        **options: Further arguments of the class in ``zuko.flows``, such as ``bins`` of 'NSF'.

    Raises:
        ImportError: If zuko is not installed.
        ValueError: If ``name`` or ``dim`` is out of range.
    """

    def __init__(
        self,
        name: str = 'NSF',
        dim: int = 2,
        transforms: int = 3,
        hidden_features: Sequence[int] = (64, 64),
        **options: Any,
    ) -> None:
        super().__init__(dim)
        check_choice('name', name, ('MAF', 'NSF'))
        self.settings = dict(
            name=name, dim=dim, transforms=transforms, hidden_features=tuple(hidden_features), **options
        )
        flow = getattr(_import_zuko().flows, name)(
            features=dim, transforms=transforms, hidden_features=tuple(hidden_features), **options
        )
        self.transform = _Transform(flow.transform)
        init_near_identity(self)

    def _transformed(self, points: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        # the library computes in the type of its weights, which may be one in half precision
        tensors = {name: upcast(value, points.dtype) for name, value in self.transform.named_parameters()}
        return functional_call(self.transform, tensors, (points, inverse))

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`forward` of points (N, D) that have the type to compute in."""
        return self._transformed(x, inverse=False)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`inverse` of points (N, D) that have the type to compute in."""
        return self._transformed(z, inverse=True)

    def __repr__(self) -> str:
        # without the library's own text, for which it draws from the global generator
        return f'{type(self).__name__}({", ".join(f"{name}={value!r}" for name, value in self.settings.items())})'
