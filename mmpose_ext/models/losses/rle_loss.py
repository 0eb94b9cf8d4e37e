"""Residual log-likelihood estimation (RLE, Li et al., ICCV 2021) and the likelihoods it is compared with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from mmpose_ext.functional import (
    base_log_density,
    bounded_log_sigma,
    check_choice,
    check_positive,
    check_shape,
    likelihood_loss,
    standardize,
    upcast,
    weighted_reduce,
)
from mmpose_ext.registry import MODELS

__all__ = ['RLELoss']

_REAL_NVP = MappingProxyType({'type': 'RealNVP'})


@MODELS.register_module()
class RLELoss(nn.Module):
    """Negative log-likelihood of joints under a mean and a scale of each axis, with a flow that learns the rest.

    The designs of the paper, and the rows of its table 7 that learn sigma (the others are ``CoordinateLoss``)::

        RLE, Q Laplace (default)   RLELoss()
        RLE, Q Gaussian            RLELoss(q_distribution='gaussian')
        DLE                        RLELoss(residual=False)
        basic design               RLELoss(residual=False, reparameterized=False, q_distribution='gaussian')
        Laplace, learned sigma     RLELoss(flow=None)
        Gaussian, learned sigma    RLELoss(flow=None, q_distribution='gaussian')

    RLE and DLE standardize the error of the label and ask the flow for its density. The basic design sends the label
    through the flow and standardises it there, ``-log Q((f^-1(g) - mu) / sigma) + log sigma - log |det df^-1/dg|``;
    its network answers in latent space, see :meth:`coordinates`.

    By default the values are those of MMPose's ``RLELoss`` with ``use_target_weight=True`` and the same weights, so
    that its checkpoints, learning rates and logs carry over: the exact Laplace density and the official flow term.
    ``laplace_density='official'`` gives the Laplace density of the official implementation, which does not integrate
    to 1. ``flow_term='once'`` gives the equation of the paper, under which DLE and the basic design are exact
    likelihoods (see :func:`mmpose_ext.functional.base_log_density` and
    :func:`mmpose_ext.functional.likelihood_loss`).

    Losses below zero are likelihoods above one, and train like any other.

    With three axes a joint may have depth or not: without, it has no weight or a NaN on the third axis, and is scored
    on x and y by a flow of its own, ``flow_2d``, as in the released program. Both kinds may be in one batch.

    A joint without weight never enters the flow. Neither does one whose label is NaN or infinite. Sigma is at least
    ``min_sigma``. Everything is computed in float32 (float64 stays), also under autocast and in half precision, whose
    gradients end at the largest number of their type (see :func:`mmpose_ext.functional.upcast`).

    Args:
        flow: Config of the flow, a module with ``log_prob`` and ``dim`` (names without a prefix are those of this
            package); None: the likelihood under Q alone.
        flow_2d: With a ``flow`` of three axes: config of the flow for joints without depth; None: the other scores
            them as if their depth were right.
        residual: Multiply the flow's density with Q's (RLE); False: take the flow's alone.
        q_distribution: Q, 'laplace' or 'gaussian'.
        reparameterized: False: the basic design.
        laplace_density: 'exact', as in MMPose, or 'official', as in the official implementation.
        flow_term: 'official', as in MMPose too, or 'once'. The basic design and losses without a flow are
            the same in both.
        min_sigma: Floor of sigma, in the unit of the labels.
        use_target_weight: Weight joints; False: all of them count alike, but for those whose label is not finite.
        reduction: 'batch' (MMPose's), 'valid' or 'all', see :func:`mmpose_ext.functional.weighted_reduce`.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is out of range or two of them exclude each other.
    """

    def __init__(
        self,
        flow: Mapping[str, Any] | None = _REAL_NVP,
        residual: bool = True,
        q_distribution: str = 'laplace',
        reparameterized: bool = True,
        laplace_density: str = 'exact',
        flow_term: str = 'official',
        min_sigma: float = 1e-6,
        use_target_weight: bool = True,
        reduction: str = 'batch',
        loss_weight: float = 1.0,
        flow_2d: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_choice('q_distribution', q_distribution, ('laplace', 'gaussian'))
        check_choice('laplace_density', laplace_density, ('exact', 'official'))
        check_choice('flow_term', flow_term, ('official', 'once'))
        check_choice('reduction', reduction, ('valid', 'batch', 'all'))
        check_positive('min_sigma', min_sigma)
        if flow is None and not (residual and reparameterized):
            raise ValueError("'flow' must be a config with residual=False or reparameterized=False, got None")
        if residual and not reparameterized:
            raise ValueError("'residual' must be False with reparameterized=False, got True")
        self.residual = residual
        self.q_distribution = q_distribution
        self.reparameterized = reparameterized
        self.laplace_density = laplace_density
        self.flow_term = flow_term
        self.min_sigma = min_sigma
        self.use_target_weight = use_target_weight
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.flow_model: Any = None if flow is None else MODELS.build({'_scope_': 'mmpose_ext', **flow})
        self.flow_model_2d: Any = None if flow_2d is None else MODELS.build({'_scope_': 'mmpose_ext', **flow_2d})
        if flow_2d is not None:
            self._check_flows()

    def forward(self, pred: Tensor, sigma: Tensor, target: Tensor, target_weight: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Args:
            pred: Means (B, K, D), in the unit of the labels.
            sigma: Raw scales (B, K, D), of which the sigmoid is taken.
            target: Labels (B, K, D).
            target_weight: (B, K), (B, K, 1) or (B, K, D); None: 1.

        Returns:
            A scalar; 0 with a graph if no joint has a weight.

        Raises:
            ValueError: If a shape differs.
        """
        sizes = check_shape('pred', pred, 'B K D', **({} if self.flow_model is None else {'D': self.flow_model.dim}))
        check_shape('sigma', sigma, 'B K D', **sizes)
        check_shape('target', target, 'B K D', **sizes)
        dtype = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
        pred, sigma, target = (upcast(tensor, dtype) for tensor in (pred, sigma, target))
        with torch.autocast(pred.device.type, enabled=False):
            weights, counted = self._weights(target, target_weight)
            # zeros before anything is computed: a product with a weight of 0 would keep a NaN, here or in the gradient
            pred, sigma, target = (torch.where(counted, tensor, 0.0) for tensor in (pred, sigma, target))
            values = (self._axis_losses(pred, sigma, target, counted) * weights).sum(-1)
            return self.loss_weight * weighted_reduce(values, counted.any(-1).to(dtype), self.reduction)

    def _check_flows(self) -> None:
        """Raise a ValueError unless there is a use for the flow of joints without depth."""
        dims = [getattr(flow, 'dim', None) for flow in (self.flow_model, self.flow_model_2d)]
        if dims != [3, 2] or not self.reparameterized:
            raise ValueError(
                "'flow_2d' must be a flow of 2 axes beside a 'flow' of 3 with reparameterized=True, "
                f'got {dims[1]} beside {dims[0]} with reparameterized={self.reparameterized}'
            )

    def coordinates(self, pred: Tensor) -> Tensor:
        """Coordinates (..., D) of means (..., D): themselves, except in the basic design, whose means are latent."""
        if self.flow_model is None or self.reparameterized:
            return pred
        return self.flow_model.inverse(pred)[0]

    def _weights(self, target: Tensor, target_weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weights (B, K, 1 or D), 0 where there is nothing to learn from, and which are above 0."""
        counted = _known(target)
        if not self.use_target_weight or target_weight is None:
            return counted.to(target.dtype), counted
        weights = target_weight[..., None] if target_weight.dim() == 2 else target_weight
        if weights.shape[:2] != target.shape[:2] or weights.shape[2:] not in ((1,), target.shape[2:]):
            raise ValueError(
                f"'target_weight' must have shape (B, K), (B, K, 1) or (B, K, D) with B, K, D = {tuple(target.shape)}, "
                f'got shape {tuple(target_weight.shape)}'
            )
        counted = counted & (weights > 0)  # comparisons with NaN are false
        return torch.where(counted, weights.to(target.dtype), 0.0), counted

    def _axis_losses(self, pred: Tensor, raw_sigma: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """Negative log-likelihoods (B, K, D)."""
        log_sigma = bounded_log_sigma(raw_sigma, self.min_sigma)
        if self.flow_model is not None and not self.reparameterized:
            latent, log_det = self.flow_model(target)
            latent_error = standardize(pred - latent, log_sigma)
            return likelihood_loss(log_sigma, self._log_q(latent_error), log_det, flow_term='once')
        # the sign is the programs', which matters to the flow; the paper writes the label first
        error = standardize(pred - target, log_sigma)
        log_q = self._log_q(error) if self.residual else None
        log_g = None if self.flow_model is None else self._log_g(error, counted[..., -1])
        return likelihood_loss(log_sigma, log_q, log_g, self.flow_term)

    def _log_g(self, error: Tensor, has_depth: Tensor) -> Tensor:
        """The flow's log density (B, K), of each joint the one that is made for it."""
        if self.flow_model_2d is None:
            return self.flow_model.log_prob(error)
        # both flows see every joint: picking some of them would make the host wait for the device
        solid = self.flow_model.log_prob(torch.where(has_depth[..., None], error, 0.0))
        flat = self.flow_model_2d.log_prob(torch.where(has_depth[..., None], 0.0, error[..., :2]))
        # the paper's count has a share of it on each axis, of which these joints have two
        return torch.where(has_depth, solid, flat * 1.5 if self.flow_term == 'once' else flat)

    def _log_q(self, error: Tensor) -> Tensor:
        return base_log_density(error, self.q_distribution, self.laplace_density)

    def extra_repr(self) -> str:
        """Settings for ``repr``; the flow shows itself."""
        names = (
            'residual',
            'q_distribution',
            'reparameterized',
            'laplace_density',
            'flow_term',
            'min_sigma',
            'use_target_weight',
            'reduction',
            'loss_weight',
        )
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names)


def _known(target: Tensor) -> Tensor:
    """Which labels can be learned from, (B, K, 1), or (B, K, 3) with depth, which may be missing alone."""
    finite = target.isfinite()
    if target.shape[-1] != 3:
        return finite.all(-1, keepdim=True)
    planar = finite[..., :2].all(-1, keepdim=True)
    return torch.cat((planar, planar, planar & finite[..., 2:]), -1)
