"""RealNVP (Dinh et al., 2017), the flow of residual log-likelihood estimation.

What is computed. Each coupling keeps some axes of a point (``mask`` is 1 there) and moves the others, by functions s
and t of the kept ones::

    def to_latent(x):                                          def to_data(z):
        log_det = 0                                                log_det = 0
        for s, t, mask in reversed(couplings):                     for s, t, mask in couplings:
            scale = s(mask * x) * (1 - mask)                           scale = s(mask * z) * (1 - mask)
            shift = t(mask * x) * (1 - mask)                           shift = t(mask * z) * (1 - mask)
            x = mask * x + (1 - mask) * (x - shift) * exp(-scale)      z = z * exp(scale) + shift
            log_det = log_det - scale.sum(-1)                          log_det = log_det + scale.sum(-1)
        return x, log_det                                          return z, log_det

How it is computed. The nets s and t are so small that calls cost as much as arithmetic. So the weights are put together
before any point is read, which leaves few and larger products:

1. A moved axis enters the nets as 0, and a kept axis of their output is not used. The columns of the first layer and
   the rows of the last layer that belong to them are left out (:meth:`RealNVP._pairs_of_nets`).
2. s and t of a coupling have the same input. They are evaluated together: one product for their first layer, one
   batched product for each other layer (:func:`_evaluate`).
3. Points are held as columns (D, N), so that the axes that a coupling keeps are a slice of memory.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmpose_ext.functional import upcast
from mmpose_ext.registry import MODELS

from .flow import Flow, init_near_identity

__all__ = ['RealNVP']

# Weights and biases of two nets, layer by layer. In the first layer, whose inputs are the same, they are one matrix
# (2 * outputs, inputs) and one column; in the others (2, outputs, inputs) and (2, outputs, 1).
PairOfNets = Sequence[tuple[Tensor, Tensor]]


def _net(dim: int, num_layers: int, hidden_channels: int, bounded: bool) -> nn.Sequential:
    """Linear layers with leaky ReLUs between them and, if ``bounded``, a hyperbolic tangent at the end."""
    channels = [dim, *[hidden_channels] * (num_layers - 1), dim]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-1], *([nn.Tanh()] if bounded else []))


def _linear_layers(net: nn.Module) -> list[nn.Linear]:
    return [layer for layer in net.children() if isinstance(layer, nn.Linear)]


def _evaluate(nets: PairOfNets, values: Tensor) -> Tensor:
    """Outputs (2, outputs, N) of two nets for the same values (inputs, N), without the hyperbolic tangent."""
    (weight, bias), *others = nets
    outputs = torch.addmm(bias, weight, values)
    for weight, bias in others:
        # the view comes after the operation in place: autograd copies a tensor that is changed through a view
        outputs = F.leaky_relu(outputs, inplace=True).view(2, weight.shape[-1], -1)
        outputs = torch.baddbmm(bias, weight, outputs)
    return outputs


@MODELS.register_module()
class RealNVP(Flow):
    """Affine couplings, each of which moves and scales some axes by functions of the others.

    Couplings alternate: number 0, 2, ... keep the last axis and move the others; number 1, 3, ... keep the others and
    move the last. Parameters and buffers have the names of the flows of MMPose and of the official implementation for
    D = 2 and 3, whose checkpoints load. ``loc`` and ``cov``, of the standard normal distribution, exist for MMPose's
    checkpoints alone and are not read.

    The paper's table 6 counts the layers of a net and their neurons (L_fc x N_n): the default is 3x64.

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
        # couplings 0, 2, ... move the first of these, couplings 1, 3, ... the second
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

    def _pairs_of_nets(self, parity: int, dtype: torch.dtype) -> list[PairOfNets]:
        """The nets s and t of couplings 0, 2, ... (parity 0) or 1, 3, ..., without the weights that do not count."""
        moved, kept = self.axes[parity], self.axes[1 - parity]
        couplings = range(parity, len(self.s), 2)
        nets = [_linear_layers(net) for number in couplings for net in (self.s[number], self.t[number])]
        last = self.sizes['num_layers'] - 1
        layers = []
        for n in range(last + 1):
            # all nets at once: s and t of the first coupling, s and t of the second ...
            weights = upcast(torch.stack([net[n].weight for net in nets]), dtype)
            biases = upcast(torch.stack([net[n].bias for net in nets]), dtype)[..., None]
            if n == last:
                weights, biases = weights[:, moved], biases[:, moved]
            weights, biases = (tensor.view(-1, 2, *tensor.shape[1:]) for tensor in (weights, biases))
            if n == 0:
                weights, biases = weights[..., kept].flatten(1, 2), biases.flatten(1, 2)
            layers.append((weights.unbind(), biases.unbind()))
        return [[(weights[n], biases[n]) for weights, biases in layers] for n in range(len(couplings))]

    def _transform(self, points: Tensor, to_latent: bool) -> tuple[Tensor, Tensor]:
        """Points (N, D) after all couplings in either direction, and the logarithm (N,) of the determinant."""
        nets = [self._pairs_of_nets(parity, points.dtype) for parity in range(min(2, len(self.s)))]
        # (D - 1, N) and (1, N): the axes that even and odd couplings move
        parts = [points.t()[axes] for axes in self.axes]
        log_scales = [torch.zeros_like(part) for part in parts]
        couplings = range(self.sizes['num_couplings'])
        for number in reversed(couplings) if to_latent else couplings:
            moved, kept = number % 2, 1 - number % 2
            log_scale, shift = _evaluate(nets[moved][number // 2], parts[kept]).unbind()
            log_scale = log_scale.tanh()
            if to_latent:
                log_scale = -log_scale
                parts[moved] = (parts[moved] - shift) * log_scale.exp()
            else:
                parts[moved] = parts[moved] * log_scale.exp() + shift
            log_scales[moved] = log_scales[moved] + log_scale
        return torch.cat(parts).t(), torch.cat(log_scales).sum(0)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`forward` for points (N, D), in float32 or float64."""
        return self._transform(x, to_latent=True)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`inverse` for points (N, D), in float32 or float64."""
        return self._transform(z, to_latent=False)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict[str, object],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        for name in ('loc', 'cov'):  # constants, which checkpoints of the official implementation lack
            if f'{prefix}{name}' in missing_keys:
                missing_keys.remove(f'{prefix}{name}')
        # the axes of a coupling follow from its number, not from the buffer: a checkpoint with another mask is refused
        loaded = state_dict.get(f'{prefix}mask')
        if loaded is not None and loaded.shape == self.mask.shape and loaded.tolist() != self._mask().tolist():
            error_msgs.append(f"'{prefix}mask' must be {self._mask().tolist()}, got {loaded.tolist()}")

    def __repr__(self) -> str:
        settings = ', '.join(f'{name}={value}' for name, value in dict(dim=self.dim, **self.sizes).items())
        return f'{type(self).__name__}({settings})'
