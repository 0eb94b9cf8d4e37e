"""Soft-argmax: the expectation of a joint's place under the softmax of its map, and how sure the map is of it.

Equations are those of "Integral Human Pose Regression" (Sun et al., ECCV 2018). A volume is never multiplied by a
volume of coordinates: it is summed to one heat vector an axis (equation 5), and the expectation is taken of these
(equation 6).
"""

from typing import Any

import torch
from torch import Tensor

from .checks import check_choice, check_positive

__all__ = ['SCORES', 'debias_points', 'soft_argmax', 'soft_argmax_scores', 'spatial_softmax']

# how a soft-argmax can be given a confidence
SCORES = ('mass', 'spread', 'peak')

# Largest share of the background that the debiasing takes off. A map with more of it shows no joint, and the formula
# has a pole where everything is background.
_MAX_BACKGROUND = 0.9


def _check_logits(logits: Tensor) -> None:
    if logits.dim() not in (4, 5):
        raise ValueError(f"'logits' must have shape (B, K, H, W) or (B, K, D, H, W), got shape {tuple(logits.shape)}")


def _flatten(logits: Tensor) -> Tensor:
    """Maps as (B, K, cells) in float32 (or float64), whatever type the network computes in."""
    flat = logits.flatten(2)
    return flat if flat.dtype == torch.float64 else flat.float()


def _marginals(weights: Tensor) -> list[Tensor]:
    """Sums over all axes but one: (B, K, W), (B, K, H) and, of a volume, (B, K, D)."""
    vectors = []
    if weights.dim() == 5:
        vectors.append(weights.sum((3, 4)))
        weights = weights.sum(2)
    return [weights.sum(2), weights.sum(3), *vectors]


def _cells(vector: Tensor) -> Tensor:
    return torch.arange(vector.shape[-1], dtype=vector.dtype, device=vector.device)


def _expectation(logits: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Unnormalised weights with a maximum of 1, their sum (B, K), the log of the partition sum, and the points."""
    flat = _flatten(logits)
    highest = flat.amax(-1, keepdim=True)
    # the difference first: a product of large logits could overflow
    weights = flat - highest
    # in place: nothing else has the size of a volume
    if beta != 1:
        weights.mul_(beta)
    weights = weights.exp_().view(logits.shape)
    vectors = _marginals(weights)
    total = vectors[0].sum(-1)
    # sums of products: a matrix product would be computed in half precision under autocast
    points = torch.stack([(vector * _cells(vector)).sum(-1) / total for vector in vectors], -1)
    return weights, total, total.log() + highest.squeeze(-1) * beta, points


class _SoftArgmax(torch.autograd.Function):
    """One pass forwards and one backwards; keeps the weights and nothing else of the size of the maps.

    With p the softmax of beta * logits, i the cell and J its expectation on an axis: dJ/dlogit = beta * p * (i - J),
    and the derivative of the log-partition sum is beta * p.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        weights, total, log_partition, points = _expectation(logits, beta)
        ctx.save_for_backward(weights, total, points)
        ctx.beta, ctx.dtype = beta, logits.dtype
        return points, log_partition

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_points: Tensor, grad_partition: Tensor) -> tuple[Tensor, None]:
        weights, total, points = ctx.saved_tensors
        slope = grad_points * (ctx.beta / total)[..., None]
        field = grad_partition * ctx.beta / total - (slope * points).sum(-1)
        field = field.view(*field.shape, *(1,) * (weights.dim() - 2))
        for axis, size in enumerate(reversed(weights.shape[2:])):  # x is the last axis
            cells = torch.arange(size, dtype=slope.dtype, device=slope.device)
            ramp = slope[..., axis, None] * cells
            field = field + ramp.view(*ramp.shape[:2], *(1,) * (weights.dim() - 3 - axis), size, *(1,) * axis)
        return field.mul_(weights).to(ctx.dtype), None


def soft_argmax(logits: Tensor, beta: float = 1.0, debias: bool = False) -> Tensor:
    """Expected place of each joint under the softmax of its map (equations 2 to 6).

    Computed in float32, with one pass over the maps forwards and one backwards, also under autocast. Logits of any
    finite size give finite points and gradients.

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), any float type.
        beta: Factor of the logits before the softmax; the paper's is 1.
        debias: Take off the pull towards the middle that the softmax's background exerts, see :func:`debias_points`.

    Returns:
        (B, K, 2) or (B, K, 3), float32 (float64 of such logits), in cells, x first; inside the map.

    Raises:
        ValueError: If ``logits`` has another number of dimensions or ``beta`` is not above 0.
    """
    check_positive('beta', beta)
    _check_logits(logits)
    if torch.is_grad_enabled() and logits.requires_grad:
        points, log_partition = _SoftArgmax.apply(logits, beta)
    else:
        _, _, log_partition, points = _expectation(logits, beta)
    return debias_points(points, log_partition, logits.shape[2:]) if debias else points


def debias_points(points: Tensor, log_partition: Tensor, size: Any) -> Tensor:
    """Take off the pull towards the middle (Gu et al., "Removing the Bias of Integral Pose Regression", ICCV 2021).

    Under a softmax a cell with the logit 0 still has the weight exp(0) = 1. Of the partition sum C of a map of n
    cells, n is therefore background, whose expectation is the middle m; the joint's own is J = (C p - n m) / (C - n)
    for the biased point p. Written with the share r = n / C = exp(log n - log C) no exponential of a logit is formed:
    J = (p - r m) / (1 - r).

    Args:
        points: (B, K, D) in cells, x first.
        log_partition: (B, K), log of the sum of exp(beta * logit).
        size: (H, W) or (D, H, W) of the maps.

    Returns:
        (B, K, D) in cells. The background counts as 9/10 at most: more means that there is no joint. A point that
        leaves the map is moved to its border, but keeps the gradient that it had: without one it could not come back.
    """
    cells = 1
    for side in size:
        cells *= side
    share = (torch.log(log_partition.new_full((), cells)) - log_partition).clamp(max=0).exp().clamp(max=_MAX_BACKGROUND)
    axes = []
    for point, side in zip(points.unbind(-1), reversed(size), strict=True):
        middle = (side - 1) / 2
        free = (point - share * middle) / (1 - share)
        # the value is exactly the bounded one, the gradient exactly that of the other
        axes.append(free.clamp(0, side - 1).detach() + (free - free.detach()))
    return torch.stack(axes, -1)


def spatial_softmax(logits: Tensor, beta: float = 1.0) -> Tensor:
    """Probabilities of the cells: softmax of ``beta * logits`` over the map or volume (equation 3), float32."""
    _check_logits(logits)
    return (_flatten(logits) * beta).softmax(-1).view(logits.shape)


def soft_argmax_scores(
    logits: Tensor, beta: float = 1.0, score: str = 'mass', radius: float = 1.0, debias: bool = False
) -> tuple[Tensor, Tensor]:
    """Points of a soft-argmax and how sure the maps are of them. Without gradients.

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), any float type.
        beta: Factor of the logits before the softmax.
        score: 'mass': the probability at most ``radius`` from the point on each axis; a cell that this border cuts
            counts with the part inside, so that the score has no jumps. 'spread': ``1 / (1 + v / radius**2)`` with
            the mean square distance v of the map from the point, the mean over the axes, in cells. 'peak': the
            probability of the likeliest cell.
        radius: In cells.
        debias: As in :func:`soft_argmax`; the scores are those of the point that is returned.

    Returns:
        Points (B, K, 2 or 3) in cells, x first, and scores (B, K) from 0 to 1, float32 (float64 of such logits).

    Raises:
        ValueError: If an argument is out of range.
    """
    check_positive('beta', beta)
    check_positive('radius', radius)
    check_choice('score', score, SCORES)
    _check_logits(logits)
    with torch.no_grad():
        weights, total, log_partition, points = _expectation(logits, beta)
        if debias:
            points = debias_points(points, log_partition, logits.shape[2:])
        if score == 'peak':
            return points, 1 / total
        if score == 'spread':
            return points, _spread(weights, total, points, radius)
        return points, _mass(weights, total, points, radius)


def _spread(weights: Tensor, total: Tensor, points: Tensor, radius: float) -> Tensor:
    variance = torch.zeros_like(total)
    for vector, point in zip(_marginals(weights), points.unbind(-1), strict=True):
        variance = variance + (vector * (_cells(vector) - point[..., None]) ** 2).sum(-1) / total
    return 1 / (1 + variance / (points.shape[-1] * radius**2))


def _mass(weights: Tensor, total: Tensor, points: Tensor, radius: float) -> Tensor:
    near = weights
    # x, the last axis, first: every sum removes the axis it was taken over
    for axis, point in enumerate(points.unbind(-1)):
        side = weights.shape[-1 - axis]
        cells = torch.arange(side, dtype=points.dtype, device=points.device)
        inside = (radius + 0.5 - (cells - point[..., None]).abs()).clamp(0, min(1.0, 2 * radius))
        near = (near * inside.view(*inside.shape[:2], *(1,) * (near.dim() - 3), side)).sum(-1)
    return near / total
