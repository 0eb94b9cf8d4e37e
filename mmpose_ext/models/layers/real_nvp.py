"""RealNVP (Dinh et al., 2017), the flow of residual log-likelihood estimation."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmpose_ext.registry import MODELS

from .flow import Flow, init_near_identity

__all__ = ['RealNVP']


def _net(dim: int, num_layers: int, hidden_channels: int, bounded: bool) -> nn.Sequential:
    """Linear layers with leaky ReLUs between them and, if ``bounded``, a hyperbolic tangent at the end."""
    channels = [dim, *[hidden_channels] * (num_layers - 1), dim]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-1], *([nn.Tanh()] if bounded else []))


def _evaluate(net: nn.Module, values: Tensor, kept: slice, moved: slice) -> Tensor:
    """The outputs ``moved`` of a net all of whose inputs but ``kept`` are zero.

    Reading only these columns of the first and rows of the last layer gives the same numbers as masks of zeros; with
    D = 2 it saves a third of the time.
    """
    layers = [layer for layer in net.children() if isinstance(layer, nn.Linear)]
    for n, layer in enumerate(layers):
        weight, bias = layer.weight.to(values.dtype), layer.bias.to(values.dtype)
        if n == 0:
            weight = weight[:, kept]
        if n == len(layers) - 1:
            return F.linear(values, weight[moved], bias[moved])
        values = F.leaky_relu(F.linear(values, weight, bias), inplace=True)
    return values


@MODELS.register_module()
class RealNVP(Flow):
    """Affine couplings: each moves and scales some axes by functions of the others.

    Couplings take turns: the first, third ... keep the last axis and move the others, the second, fourth ... keep the
    others and move the last. With K the kept axes, the coupling maps latent to data by
    ``x = z * exp(s(z_K)) + t(z_K)`` on the other axes. Parameters and buffers have the names of MMPose's and of the
    authors' flow for D = 2 and 3, whose checkpoints load; ``loc`` and ``cov``, of the standard normal distribution, are
    there for MMPose alone and are not read.

    The paper's table 6 counts the layers of a net and their neurons (L_fc x N_n): 3x64 is the default.

    Args:
        dim: Number of axes D, at least 2.
        num_couplings: Number of couplings.
        num_layers: Linear layers of each net, L_fc.
        hidden_channels: Neurons between them, N_n.

    Raises:
        ValueError: If an argument is out of range.
    """

    loc: Tensor
    cov: Tensor
    mask: Tensor

    def __init__(self, dim: int = 2, num_couplings: int = 6, num_layers: int = 3, hidden_channels: int = 64) -> None:
        super().__init__(dim)
        sizes = dict(num_couplings=num_couplings, num_layers=num_layers, hidden_channels=hidden_channels)
        for name, value in sizes.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"'{name}' must be a whole number >= 1, got {value!r}")
        self.sizes = sizes
        self.register_buffer('loc', torch.zeros(dim))
        self.register_buffer('cov', torch.eye(dim))
        self.register_buffer('mask', self._mask())
        self.s = nn.ModuleList(_net(dim, num_layers, hidden_channels, bounded=True) for _ in range(num_couplings))
        self.t = nn.ModuleList(_net(dim, num_layers, hidden_channels, bounded=False) for _ in range(num_couplings))
        init_near_identity(self)

    def _halves(self, index: int) -> tuple[slice, slice]:
        """The axes that a coupling keeps, and those that it moves."""
        last, others = slice(self.dim - 1, self.dim), slice(0, self.dim - 1)
        return (others, last) if index % 2 else (last, others)

    def _mask(self) -> Tensor:
        """1 for each axis (D,) that a coupling keeps, (num_couplings, D)."""
        mask = torch.zeros(self.sizes['num_couplings'], self.dim)
        for index, row in enumerate(mask):
            row[self._halves(index)[0]] = 1
        return mask

    def _coupling(self, index: int, points: Tensor, to_latent: bool) -> tuple[Tensor, Tensor]:
        """Points (..., D) after one coupling in either direction, and the logarithm (...) of its determinant."""
        kept, moved = self._halves(index)
        kept_values, moved_values = points[..., kept], points[..., moved]
        log_scale = torch.tanh(_evaluate(self.s[index], kept_values, kept, moved))
        shift = _evaluate(self.t[index], kept_values, kept, moved)
        if to_latent:
            log_scale = -log_scale
            moved_values = (moved_values - shift) * log_scale.exp()
        else:
            moved_values = moved_values * log_scale.exp() + shift
        halves = (kept_values, moved_values) if index % 2 else (moved_values, kept_values)
        return torch.cat(halves, -1), log_scale.sum(-1)

    def _couplings(self, points: Tensor, to_latent: bool) -> tuple[Tensor, Tensor]:
        log_det = points.new_zeros(points.shape[:-1])
        indices = range(len(self.s))
        for index in reversed(indices) if to_latent else indices:
            points, log_scale = self._coupling(index, points, to_latent)
            log_det = log_det + log_scale
        return points, log_det

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`forward` of points (..., D) that have the type to compute in."""
        return self._couplings(x, to_latent=True)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`inverse` of points (..., D) that have the type to compute in."""
        return self._couplings(z, to_latent=False)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        missing_keys, _, error_messages = args[-3:]
        for name in ('loc', 'cov'):  # constants, which the authors' checkpoints lack
            if f'{prefix}{name}' in missing_keys:
                missing_keys.remove(f'{prefix}{name}')
        # a coupling's axes follow from its place, not from the buffer: a checkpoint with others must not pass
        loaded = state_dict.get(f'{prefix}mask')
        if loaded is not None and loaded.shape == self.mask.shape and loaded.tolist() != self._mask().tolist():
            error_messages.append(f"'{prefix}mask' must be {self._mask().tolist()}, got {loaded.tolist()}")

    def __repr__(self) -> str:
        settings = ', '.join(f'{name}={value}' for name, value in dict(dim=self.dim, **self.sizes).items())
        return f'{type(self).__name__}({settings})'
