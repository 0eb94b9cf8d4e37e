"""The base class of all normalizing flows: two directions, a density, samples."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mmpose_ext.functional import check_shape, full_precision, standard_normal_log_density, upcast

__all__ = ['Flow', 'init_near_identity', 'log_prob_where']

Transformed = tuple[Tensor, Tensor]


def init_near_identity(flow: nn.Module) -> None:
    """Initialize weights near zero, as in the official implementation: an untrained flow hardly changes its input.

    Regression then starts from the base density Q and a nearly standard normal residual.
    """
    for module in flow.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=0.01)


class Flow(nn.Module, ABC):
    """An invertible map between data x and latent points z, with a standard normal distribution of z.

    A subclass implements :meth:`to_latent` and :meth:`to_data`. Everything is computed in float32 (float64 stays), with
    the weights converted to it, also under autocast and with a module in half precision.

    Args:
        dim: Number of axes D, at least 2.

    Raises:
        ValueError: If ``dim`` is not a whole number >= 2.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if not isinstance(dim, int) or dim < 2:
            raise ValueError(f"'dim' must be a whole number >= 2, got {dim!r}")
        self.dim = dim

    @abstractmethod
    def to_latent(self, x: Tensor) -> Transformed:
        """:meth:`forward` for points (N, D), in float32 or float64."""

    @abstractmethod
    def to_data(self, z: Tensor) -> Transformed:
        """:meth:`inverse` for points (N, D), in float32 or float64."""

    def forward(self, x: Tensor) -> Transformed:
        """Data to latent space.

        Args:
            x: (..., D).

        Returns:
            z (..., D) and the logarithm (...) of the determinant of dz/dx.
        """
        return self._transform_points(self.to_latent, 'x', x)

    def inverse(self, z: Tensor) -> Transformed:
        """Latent to data space.

        Args:
            z: (..., D).

        Returns:
            x (..., D) and the logarithm (...) of the determinant of dx/dz.
        """
        return self._transform_points(self.to_data, 'z', z)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density (...) of points (..., D) in data space: ``log N(z; 0, I) + log |det dz/dx|``."""
        z, log_det = self(x)
        return standard_normal_log_density(z) + log_det

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Random points (count, D) in data space."""
        parameter = next(self.parameters())
        dtype = torch.promote_types(parameter.dtype, torch.float32)
        latent = torch.randn(count, self.dim, dtype=dtype, device=parameter.device, generator=generator)
        return self.inverse(latent)[0]

    @torch.no_grad()
    def second_moments(self) -> list[list[float]]:
        """The second moments ``E[x x^T]`` (D, D) of points in data space about 0.

        The integral over the latent space is a sum over a regular grid of 128x128 points (40 on each of three axes or
        more), from -6 to 6 on each axis. It is the same at every call, and takes one pass through the flow.
        """
        parameter = next(self.parameters())
        dtype = torch.promote_types(parameter.dtype, torch.float32)
        count = 128 if self.dim == 2 else 40
        axis = (torch.arange(count, dtype=torch.float64) + 0.5) / count * 12 - 6
        weight = torch.exp(-0.5 * axis.square())
        grid = torch.cartesian_prod(*[axis] * self.dim)
        weights = torch.cartesian_prod(*[weight / weight.sum()] * self.dim).prod(-1)
        points = self.inverse(grid.to(parameter.device, dtype))[0].cpu().double()
        return (points.t() * weights @ points).tolist()

    def _transform_points(self, transform: Callable[[Tensor], Transformed], name: str, points: Tensor) -> Transformed:
        """Transform points of any shape (..., D) in float32 or float64, without autocast."""
        check_shape(name, points, '... D', D=self.dim)
        dtype = torch.promote_types(torch.promote_types(next(self.parameters()).dtype, points.dtype), torch.float32)
        # rows (N, D): a linear layer makes two passes over points with more dimensions
        rows = upcast(points, dtype).reshape(-1, self.dim)
        with full_precision(points.device):
            transformed, log_det = transform(rows)
        return transformed.reshape(points.shape), log_det.view(points.shape[:-1])


def log_prob_where(flow: Flow, chosen: Tensor, x: Tensor) -> Tensor:
    """Log density (...) of those points (..., D) that are ``chosen``, bool (...), and 0 for the others."""
    # On a CPU the others, most often a third, never enter the flow, in which nearly all time of a loss is spent. On
    # other devices to select points would make the host wait, and no size in a compiled graph depends on data.
    if x.device.type == 'cpu' and not torch.compiler.is_compiling() and chosen.any():
        return x.new_zeros(chosen.shape).masked_scatter(chosen, flow.log_prob(x[chosen]))
    return torch.where(chosen, flow.log_prob(torch.where(chosen[..., None], x, 0.0)), 0.0)
