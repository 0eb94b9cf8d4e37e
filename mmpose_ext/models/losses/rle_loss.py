"""Residual log-likelihood estimation (RLE, Li et al., ICCV 2021) and the likelihoods it is compared with."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from mmpose_ext.functional import (
    base_log_density,
    bounded_log_sigma,
    check_choice,
    check_positive,
    check_shape,
    full_precision,
    has_weight,
    likelihood_loss,
    log_overlap,
    product_moments,
    standardize,
    upcast,
)
from mmpose_ext.models.layers import Flow, log_prob_where
from mmpose_ext.registry import MODELS

from .weighted_loss import WeightedLoss

__all__ = ['RLELoss']

FlowConfig = Mapping[str, object]

_REAL_NVP = MappingProxyType({'type': 'RealNVP'})
_SETTINGS = (
    *('residual', 'q_distribution', 'reparameterized', 'laplace_density', 'flow_term', 'min_sigma'),
    *('use_target_weight', 'reduction', 'loss_weight'),
)


@MODELS.register_module()
class RLELoss(WeightedLoss):
    """Negative log-likelihood of joints under a predicted mean and scale of each axis, and a learned flow.

    These are the designs of the paper, and the rows of its table 7 that learn sigma (``CoordinateLoss`` gives the other
    rows)::

        RLE, Q Laplace (default)   RLELoss()
        RLE, Q Gaussian            RLELoss(q_distribution='gaussian')
        DLE                        RLELoss(residual=False)
        basic design               RLELoss(residual=False, reparameterized=False, q_distribution='gaussian')
        Laplace, learned sigma     RLELoss(flow=None)
        Gaussian, learned sigma    RLELoss(flow=None, q_distribution='gaussian')

    With the prediction mu, the label g and e = (mu - g) / sigma, the negative log-likelihood of a joint is::

        RLE             log sigma - log Q(e) - log G(e)
        DLE             log sigma            - log G(e)
        basic design    log sigma - log Q((mu - f(g)) / sigma) - log |det df/dg|
        no flow         log sigma - log Q(e)

    G is the density of the flow f, Q the base density. In the basic design the label passes through the flow, and the
    network predicts in the latent space of the flow (see :meth:`coordinates`). How often log sigma and log G count is
    the choice of ``flow_term`` (see :func:`mmpose_ext.functional.likelihood_loss`).

    By default the values are those of MMPose's ``RLELoss`` with ``use_target_weight=True`` and the same weights, so
    that its checkpoints, learning rates and logs carry over: the exact Laplace density and the official flow term.
    ``laplace_density='official'`` gives the Laplace density of the official implementation, which does not integrate
    to 1. ``flow_term='once'`` gives the equation of the paper without its ``log s``; DLE and the basic design are exact
    likelihoods then. ``flow_term='normalized'`` has ``log s``, too (see :func:`~mmpose_ext.functional.log_overlap`), so
    that RLE is one, and sigmas grow less beyond the errors. A loss below zero is a likelihood above one, no error.

    With three axes a joint may lack depth: its weight on the third axis is 0, or its label there is NaN. It is scored
    on x and y by another flow, ``flow_2d``, as in the official implementation. A batch may mix both kinds.

    A joint without weight never enters the flow, and neither does one whose label is NaN or infinite. Everything is
    computed in float32 (float64 stays), also under autocast and in half precision, whose gradients end at the largest
    number of their type (see :func:`mmpose_ext.functional.upcast`).

    Args:
        flow: Config of the flow, a :class:`~mmpose_ext.models.layers.Flow` (names without a prefix are those of this
            package); None: the likelihood under Q alone.
        flow_2d: With a ``flow`` of three axes: config of the flow for joints without depth; None: ``flow`` scores
            them as if their predicted depth were right.
        residual: Multiply the density of the flow with Q (RLE); False: take the density of the flow alone (DLE).
        q_distribution: Q, 'laplace' or 'gaussian'.
        reparameterized: False: the basic design.
        laplace_density: 'exact', as in MMPose, or 'official', as in the official implementation.
        flow_term: 'official', as in the official implementation and MMPose: log G counts on each axis of a joint;
            'once': it counts once for a joint; 'normalized', as in the paper: once, and Q times G is divided by its
            integral. The basic design and losses without a flow are the same in all, DLE in the last two.
        min_sigma: Smallest sigma, in the unit of the labels.
        use_target_weight: Weight joints; False: all joints with a finite label count alike.
        reduction: 'batch' (as in MMPose), 'valid' or 'all', see :func:`mmpose_ext.functional.weighted_reduce`.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is out of range or two of them exclude each other.
    """

    flow_model: Flow | None
    flow_model_2d: Flow | None

    def __init__(
        self,
        flow: FlowConfig | None = _REAL_NVP,
        residual: bool = True,
        q_distribution: str = 'laplace',
        reparameterized: bool = True,
        laplace_density: str = 'exact',
        flow_term: str = 'official',
        min_sigma: float = 1e-6,
        use_target_weight: bool = True,
        reduction: str = 'batch',
        loss_weight: float = 1.0,
        flow_2d: FlowConfig | None = None,
    ) -> None:
        super().__init__(reduction, loss_weight)
        check_choice('q_distribution', q_distribution, ('laplace', 'gaussian'))
        check_choice('laplace_density', laplace_density, ('exact', 'official'))
        check_choice('flow_term', flow_term, ('official', 'once', 'normalized'))
        check_positive('min_sigma', min_sigma)
        self.residual = residual
        self.q_distribution = q_distribution
        self.reparameterized = reparameterized
        self.laplace_density = laplace_density
        self.flow_term = flow_term
        self.min_sigma = min_sigma
        self.use_target_weight = use_target_weight
        self.flow_model = _build_flow(flow)
        self.flow_model_2d = _build_flow(flow_2d)
        self._check_design()

    def _check_design(self) -> None:
        """Raise a ValueError unless the arguments make one of the designs."""
        if self.flow_model is None and not (self.residual and self.reparameterized):
            raise ValueError("'flow' must be a config with residual=False or reparameterized=False, got None")
        if self.residual and not self.reparameterized:
            raise ValueError("'residual' must be False with reparameterized=False, got True")
        if self.flow_model_2d is None:
            return
        dims = [None if flow is None else flow.dim for flow in (self.flow_model, self.flow_model_2d)]
        if dims != [3, 2] or not self.reparameterized:
            raise ValueError(
                "'flow_2d' must be a flow of 2 axes beside a 'flow' of 3 with reparameterized=True, "
                f'got {dims[1]} beside {dims[0]} with reparameterized={self.reparameterized}'
            )

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
        return self.reduce(*self._joint_losses(pred, sigma, target, target_weight))

    def of_each(self, batches: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Losses of batches of the same shapes, each the four arguments of :meth:`forward`; one pass of the flow."""
        values = self._joint_losses(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))
        shape = len(batches), *batches[0][0].shape[:2]
        errors, counted = (value.view(shape).unbind() for value in values)
        return [self.reduce(*both) for both in zip(errors, counted, strict=True)]

    def _joint_losses(
        self, pred: Tensor, sigma: Tensor, target: Tensor, target_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Weighted losses (B, K) of the joints, and 1 (B, K) for those that count, else 0."""
        sizes = check_shape('pred', pred, 'B K D', **({} if self.flow_model is None else {'D': self.flow_model.dim}))
        check_shape('sigma', sigma, 'B K D', **sizes)
        check_shape('target', target, 'B K D', **sizes)
        dtype = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
        pred, sigma, target = (upcast(tensor, dtype) for tensor in (pred, sigma, target))
        with full_precision(pred.device):
            weights, counted = self._weights(target, target_weight)
            # The gradient of the flow's weights is a sum over all joints. So what does not count becomes 0 before
            # anything is computed: a NaN times a weight of 0 would be a NaN in that sum.
            pred, sigma, target = (torch.where(counted, tensor, 0.0) for tensor in (pred, sigma, target))
            errors = (self._axis_losses(pred, sigma, target, counted) * weights).sum(-1)
            return errors, counted.any(-1).to(dtype)

    def coordinates(self, pred: Tensor) -> Tensor:
        """Coordinates (..., D) of predicted means (..., D).

        They are the means themselves, except in the basic design, whose means are in the latent space of the flow.
        """
        if self.flow_model is None or self.reparameterized:
            return pred
        return self.flow_model.inverse(pred)[0]

    def error_moments(self, dim: int) -> list[list[float]]:
        """Second moments (D, D) of standardized errors, to which predicted sigmas are the unit.

        With a flow they are those of its density G, see :meth:`~mmpose_ext.models.layers.Flow.second_moments`. Not
        those of Q times G: without the paper's ``log s``, the gradient of the flow's weights is that of ``-log G``
        alone, so that G learns the density of the errors whatever Q is. With it they are those of Q times G. Without a
        flow they are those of Q; in the basic design, too, but there in the latent space of the flow.

        Args:
            dim: Number of axes D.
        """
        flow = self.flow_model
        if flow is not None and self.residual and self.flow_term == 'normalized':
            return product_moments(flow.log_prob, dim, *self._base, next(flow.parameters()).float()).tolist()
        if flow is not None and self.reparameterized:
            return flow.second_moments()
        exact = 1.0 if self.q_distribution == 'gaussian' else 2.0
        variance = 4.0 if self._base == ('laplace', 'official') else exact
        return [[variance * (i == j) for j in range(dim)] for i in range(dim)]

    def coordinate_covariances(self, pred: Tensor, covariances: Tensor) -> Tensor:
        """Covariances (..., D, D) of :meth:`coordinates` for those of predicted means.

        They are the covariances themselves, except in the basic design: there 2 * D points at a distance of
        ``sqrt(D * variance)`` on both sides of the mean, on each axis, pass through the flow.

        Args:
            pred: Means (..., D).
            covariances: (..., D, D), in the basic design diagonal.
        """
        if self.flow_model is None or self.reparameterized:
            return covariances
        dim = pred.shape[-1]
        steps = (dim * covariances).sqrt() * torch.eye(dim, dtype=covariances.dtype, device=covariances.device)
        middle = self.coordinates(pred)
        moved = [self.coordinates(pred[..., None, :] + sign * steps) - middle[..., None, :] for sign in (-1, 1)]
        errors = torch.cat(moved, -2)
        return (errors[..., :, None] * errors[..., None, :]).mean(-3)

    def _weights(self, target: Tensor, target_weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weights (B, K, 1 or D), 0 where nothing can be learned, and a mask of those that are above 0."""
        counted = _has_label(target)
        if not self.use_target_weight or target_weight is None:
            return counted.to(target.dtype), counted
        weights = target_weight[..., None] if target_weight.dim() == 2 else target_weight
        if weights.shape[:2] != target.shape[:2] or weights.shape[2:] not in ((1,), target.shape[2:]):
            raise ValueError(
                f"'target_weight' must have shape (B, K), (B, K, 1) or (B, K, D) with B, K, D = {tuple(target.shape)}, "
                f'got shape {tuple(target_weight.shape)}'
            )
        counted = counted & has_weight(weights)
        return torch.where(counted, weights.to(target.dtype), 0.0), counted

    def _axis_losses(self, pred: Tensor, raw_sigma: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """Negative log-likelihoods (B, K, D)."""
        log_sigma = bounded_log_sigma(raw_sigma, self.min_sigma)
        if self.flow_model is not None and not self.reparameterized:
            latent, log_det = self.flow_model(target)
            latent_error = standardize(pred - latent, log_sigma)
            return likelihood_loss(log_sigma, base_log_density(latent_error, *self._base), log_det, flow_term='once')
        # The flow depends on the sign of the error. The paper writes (label - prediction); this is the sign of the
        # official implementation and MMPose.
        error = standardize(pred - target, log_sigma)
        log_q = base_log_density(error, *self._base) if self.residual else None
        log_g = None if self.flow_model is None else self._log_g(self.flow_model, error, counted)
        return likelihood_loss(log_sigma, log_q, log_g, 'official' if self.flow_term == 'official' else 'once')

    def _log_g(self, flow: Flow, error: Tensor, counted: Tensor) -> Tensor:
        """Log density (B, K) of each joint that counts under the flow for its kind, with or without depth."""
        joints, has_depth = counted.any(-1), counted[..., -1]
        if self.flow_model_2d is None:
            return self._log_densities(flow, error, joints)
        solid = self._log_densities(flow, error, has_depth)
        flat = self._log_densities(self.flow_model_2d, error[..., :2], joints & ~has_depth)
        # unless flow_term='official', each of D=3 axes has a third of it, and these joints have two axes
        return solid + (flat if self.flow_term == 'official' else flat * 1.5)

    def _log_densities(self, flow: Flow, error: Tensor, chosen: Tensor) -> Tensor:
        """Log densities (B, K) of the errors that are chosen, with the paper's ``log s`` where it is wanted; else 0."""
        values = log_prob_where(flow, chosen, error)
        if not self.residual or self.flow_term != 'normalized':
            return values
        return torch.where(chosen, values - log_overlap(flow.log_prob, flow.dim, *self._base, error), values)

    @property
    def _base(self) -> tuple[str, str]:
        return self.q_distribution, self.laplace_density

    def extra_repr(self) -> str:
        """Settings for ``repr``; the flow has its own."""
        return ', '.join(f'{name}={vars(self)[name]!r}' for name in _SETTINGS)


def _build_flow(config: FlowConfig | None) -> Flow | None:
    return None if config is None else MODELS.build({'_scope_': 'mmpose_ext', **config})


def _has_label(target: Tensor) -> Tensor:
    """Which labels are finite: (B, K, 1), or (B, K, 3) of labels with depth, which may be missing alone."""
    finite = target.isfinite()
    if target.shape[-1] != 3:
        return finite.all(-1, keepdim=True)
    planar = finite[..., :2].all(-1, keepdim=True)
    return torch.cat((planar, planar, planar & finite[..., 2:]), -1)
