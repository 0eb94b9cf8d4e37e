"""RealNVP (Dinh et al., 2017), the flow of residual log-likelihood estimation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmpose_ext.functional import upcast
from mmpose_ext.registry import MODELS

from .flow import Flow, init_near_identity

__all__ = ['RealNVP']

# Of two nets, for each linear layer: weights (2, outputs, inputs) and biases (2, outputs, 1); those of the first layer,
# whose inputs are the same, are one matrix (2 * outputs, inputs) and one column.
Layers = Sequence[tuple[Tensor, Tensor]]


def _net(dim: int, num_layers: int, hidden_channels: int, bounded: bool) -> nn.Sequential:
    """Linear layers with leaky ReLUs between them and, if ``bounded``, a hyperbolic tangent at the end."""
    channels = [dim, *[hidden_channels] * (num_layers - 1), dim]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-1], *([nn.Tanh()] if bounded else []))


def _evaluate(layers: Layers, values: Tensor) -> Tensor:
    """Outputs (2, outputs, N) of two nets for the same values (inputs, N)."""
    (weight, bias), *others = layers
    outputs = torch.addmm(bias, weight, values)
    for weight, bias in others:
        # the view comes after what is done in place: autograd copies what is changed through a view
        outputs = F.leaky_relu(outputs, inplace=True).view(2, weight.shape[-1], -1)
        outputs = torch.baddbmm(bias, weight, outputs)
    return outputs


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
        num_layers: Linear layers of each net, L_fc, at least 2.
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
            least = 2 if name == 'num_layers' else 1
            if not isinstance(value, int) or value < least:
                raise ValueError(f"'{name}' must be a whole number >= {least}, got {value!r}")
        self.sizes = sizes
        # even couplings move the first of these, odd ones the second
        self.axes = slice(0, dim - 1), slice(dim - 1, dim)
        self.register_buffer('loc', torch.zeros(dim))
        self.register_buffer('cov', torch.eye(dim))
        self.s = nn.ModuleList(_net(dim, num_layers, hidden_channels, bounded=True) for _ in range(num_couplings))
        self.t = nn.ModuleList(_net(dim, num_layers, hidden_channels, bounded=False) for _ in range(num_couplings))
        self.register_buffer('mask', self._mask())
        init_near_identity(self)

    def _mask(self) -> Tensor:
        """1 for each axis (D,) that a coupling keeps, (num_couplings, D)."""
        rows = [[float((d == self.dim - 1) != bool(n % 2)) for d in range(self.dim)] for n in range(len(self.s))]
        return torch.tensor(rows)

    def _layers(self, parity: int, dtype: torch.dtype) -> list[Layers]:
        """The nets s and t of every second coupling, cut to the columns and rows that count.

        What a coupling moves enters its nets as 0, and what it keeps leaves them unread: without these columns of the
        first and rows of the last layer the numbers are the same. All nets are cut at once, and s and t are evaluated
        together: for so small nets the calls cost as much as the arithmetic.
        """
        moved, kept = self.axes[parity], self.axes[1 - parity]
        indices = range(parity, len(self.s), 2)
        nets: Any = [net for index in indices for net in (self.s[index], self.t[index])]
        cut = []
        for n in range(self.sizes['num_layers']):
            layers = [net[2 * n] for net in nets]  # a function follows each linear layer
            weights = upcast(torch.stack([layer.weight for layer in layers]), dtype)
            biases = upcast(torch.stack([layer.bias for layer in layers]), dtype)[..., None]
            if n == self.sizes['num_layers'] - 1:
                weights, biases = weights[:, moved], biases[:, moved]
            weights, biases = weights.unflatten(0, (-1, 2)), biases.unflatten(0, (-1, 2))
            if n == 0:
                weights, biases = weights[..., kept].flatten(1, 2), biases.flatten(1, 2)
            cut.append((weights.unbind(), biases.unbind()))
        return [[(weights[n], biases[n]) for weights, biases in cut] for n in range(len(nets) // 2)]

    def _couplings(self, points: Tensor, to_latent: bool) -> tuple[Tensor, Tensor]:
        """Points (N, D) after all couplings in either direction, and the logarithm (N,) of the determinant."""
        layers = [self._layers(parity, points.dtype) for parity in range(min(2, len(self.s)))]
        halves = [points.t()[axes] for axes in self.axes]
        log_scales = [torch.zeros_like(half) for half in halves]
        indices = range(self.sizes['num_couplings'])
        for index in reversed(indices) if to_latent else indices:
            moved, kept = index % 2, 1 - index % 2
            log_scale, shift = _evaluate(layers[moved][index // 2], halves[kept]).unbind()
            log_scale = log_scale.tanh()
            if to_latent:
                log_scale = -log_scale
                halves[moved] = (halves[moved] - shift) * log_scale.exp()
            else:
                halves[moved] = halves[moved] * log_scale.exp() + shift
            log_scales[moved] = log_scales[moved] + log_scale
        return torch.cat(halves).t(), torch.cat(log_scales).sum(0)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`forward` of points (N, D) that have the type to compute in."""
        return self._couplings(x, to_latent=True)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`inverse` of points (N, D) that have the type to compute in."""
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
