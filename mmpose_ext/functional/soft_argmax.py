"""Soft-argmax: the expectation of a joint's position under the softmax of its map, and confidences of it.

Equations are those of "Integral Human Pose Regression" (Sun et al., ECCV 2018). With the softmax p of the logits z and
a cell i on an axis::

    p = softmax(beta * z)                          # equation 3
    J = sum(p * i)                                 # equations 2, 5 and 6
    dJ / dz = beta * p * (i - J)                   # the derivative that the backward pass needs

How it is computed: a volume is never multiplied by a volume of coordinates. It is summed to one vector for each axis
(equation 5), and the expectation is taken of these vectors (equation 6). The softmax is never normalized cell by cell:
``exp(beta * (z - max z))`` is kept, and the results are divided by its sum.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from .checks import check_choice, check_floating, check_positive

__all__ = ['SCORES', 'debias_points', 'soft_argmax', 'soft_argmax_scores', 'spatial_softmax']

# the confidences that a soft-argmax can be given
SCORES = ('mass', 'spread', 'peak')

# The largest share of the background that the debiasing takes off. A map with a larger share shows no joint, and the
# formula has a pole where everything is background.
_MAX_BACKGROUND = 0.9


def _check_logits(logits: Tensor) -> None:
    check_floating('logits', logits)
    if logits.dim() not in (4, 5):
        raise ValueError(f"'logits' must have shape (B, K, H, W) or (B, K, D, H, W), got shape {tuple(logits.shape)}")
    if 0 in logits.shape[2:]:
        raise ValueError(f"'logits' must have at least one cell, got shape {tuple(logits.shape)}")


def _precise(logits: Tensor) -> Tensor:
    """Maps in float32 (or float64), whatever the type of the network's output."""
    return logits if logits.dtype == torch.float64 else logits.float()


def _marginals(weights: Tensor) -> list[Tensor]:
    """Sums over all axes but one: (B, K, W), (B, K, H) and, of a volume, (B, K, D)."""
    vectors = []
    if weights.dim() == 5:
        vectors.append(weights.sum((3, 4)))
        weights = weights.sum(2)
    return [weights.sum(2), weights.sum(3), *vectors]


def _along_axis(vector: Tensor, axis: int, dims: int) -> Tensor:
    """A vector (B, K, size) as a map of ``dims`` dimensions that changes along one axis only; 0 is x, the last one."""
    whole, new = slice(None), (None,)
    return vector[(whole, whole, *new * (dims - 3 - axis), whole, *new * axis)]


def _cells(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, dtype=like.dtype, device=like.device)


def _expectation(logits: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Expectation of the position, and what it is made of.

    Returns:
        ``exp(beta * (z - max z))``, of the shape of the logits; its sum over the cells (B, K); the logarithm of the
        partition sum ``sum(exp(beta * z))`` (B, K); the expected position (B, K, axes), x first.
    """
    # contiguous, so that the order of all sums is the same for every memory layout
    values = _precise(logits).contiguous()
    highest = values.amax(tuple(range(2, values.dim())), keepdim=True)
    # the difference first: a product of large logits could overflow
    weights = values - highest
    # in place: nothing else has the size of a volume
    if beta != 1:
        weights.mul_(beta)
    weights.exp_()
    vectors = _marginals(weights)
    total = vectors[0].sum(-1)
    # sums of products: a matrix product would be computed in half precision under autocast
    points = torch.stack([(vector * _cells(vector.shape[-1], vector)).sum(-1) / total for vector in vectors], -1)
    return weights, total, total.log() + highest.view(total.shape) * beta, points


class _SoftArgmaxContext(FunctionCtx):
    saved_tensors: tuple[Tensor, Tensor, Tensor]
    beta: float
    dtype: torch.dtype


class _SoftArgmax(torch.autograd.Function):
    """Positions J and the logarithm of the partition sum S, with one pass over the maps in each direction.

    Autograd would keep and read several tensors of the size of the maps; this keeps one, the weights
    w = exp(beta * (z - max z)) with the sum T. For a loss L, by p = w / T and d log S / dz = beta * p::

        dL / dz = sum over the axes of dL/dJ * beta * p * (i - J)  +  dL/dlogS * beta * p
                = w * (sum over the axes of slope * i  +  constant)

        slope = dL/dJ * beta / T                                             # (B, K, axes)
        constant = dL/dlogS * beta / T - sum over the axes of slope * J      # (B, K)
    """

    @staticmethod
    def forward(ctx: _SoftArgmaxContext, logits: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        weights, total, log_partition, points = _expectation(logits, beta)
        ctx.save_for_backward(weights, total, points)
        ctx.beta, ctx.dtype = beta, logits.dtype
        return points, log_partition

    @staticmethod
    @once_differentiable
    def backward(ctx: _SoftArgmaxContext, grad_points: Tensor, grad_log_partition: Tensor) -> tuple[Tensor, None]:
        weights, total, points = ctx.saved_tensors
        slope = grad_points * (ctx.beta / total)[..., None]
        constant = grad_log_partition * ctx.beta / total - (slope * points).sum(-1)
        # grows to the size of the maps with the last axis only
        factor = constant.view(*constant.shape, *(1,) * (weights.dim() - 2))
        for axis, size in enumerate(reversed(weights.shape[2:])):  # x is the last axis
            factor = factor + _along_axis(slope[..., axis, None] * _cells(size, slope), axis, weights.dim())
        # a joint that no loss asks for has the gradient 0, even if there is a NaN in its map
        unused = (grad_points == 0).all(-1) & (grad_log_partition == 0)
        gradient = factor.mul_(weights).masked_fill_(unused.view(*unused.shape, *(1,) * (weights.dim() - 2)), 0.0)
        return gradient.to(ctx.dtype), None


def soft_argmax(logits: Tensor, beta: float = 1.0, debias: bool = False) -> Tensor:
    """Expected position of each joint under the softmax of its map (equations 2 to 6).

    Computed in float32, also under autocast. Logits of any finite size give finite points and gradients.

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), any floating-point type.
        beta: Factor of the logits before the softmax; 1 in the paper.
        debias: Remove the pull towards the middle that the background of the softmax exerts, see
            :func:`debias_points`.

    Returns:
        (B, K, 2) or (B, K, 3), float32 (float64 of such logits), in cells, x first; inside the map.

    Raises:
        ValueError: If ``logits`` has another number of dimensions or ``beta`` is not above 0.

    Example:
        >>> import torch
        >>> logits = torch.full((1, 1, 3, 4), -1e4)
        >>> logits[..., 2, 1], logits[..., 2, 2] = 5.0, 5.0
        >>> soft_argmax(logits)
        tensor([[[1.5000, 2.0000]]])
    """
    check_positive('beta', beta)
    _check_logits(logits)
    if torch.is_grad_enabled() and logits.requires_grad:
        points, log_partition = _SoftArgmax.apply(logits, beta)
    else:
        _, _, log_partition, points = _expectation(logits, beta)
    return debias_points(points, log_partition, logits.shape[2:]) if debias else points


def debias_points(points: Tensor, log_partition: Tensor, size: Sequence[int]) -> Tensor:
    """Remove the pull towards the middle (Gu et al., "Removing the Bias of Integral Pose Regression", ICCV 2021).

    Under a softmax a cell with the logit 0 still has the weight exp(0) = 1. So of the partition sum C of a map of n
    cells, n is background, whose expectation is the middle m. The biased point is ``p = (n * m + (C - n) * J) / C``,
    which gives the position of the joint alone::

        J = (C * p - n * m) / (C - n) = (p - r * m) / (1 - r)        with the share of the background r = n / C

    The share is computed as ``exp(log n - log C)``, without the exponential of a logit.

    Args:
        points: (B, K, axes) in cells, x first.
        log_partition: (B, K), logarithm of the sum of exp(beta * logit).
        size: (H, W) or (D, H, W) of the maps.

    Returns:
        (B, K, axes) in cells. The share of the background counts as 0.9 at most: a larger one means that there is no
        joint. A point that leaves the map is moved to its border, but keeps its gradient: without one it could not come
        back.

    Example:
        >>> import torch
        >>> cells = torch.tensor(4.0 * 5.0)
        >>> debias_points(torch.tensor([[[1.25, 1.0]]]), (2 * cells).log().view(1, 1), (4, 5))
        tensor([[[0.5000, 0.5000]]])
    """
    cells = 1
    for side in size:
        cells *= side
    share = (torch.log(log_partition.new_full((), cells)) - log_partition).clamp(max=0).exp().clamp(max=_MAX_BACKGROUND)
    # the point of a map with a NaN stays NaN; a factor that is NaN would make one of a gradient of 0, too
    share = torch.where(share.isnan(), 0.0, share)
    axes = []
    for point, side in zip(points.unbind(-1), reversed(size), strict=True):
        middle = (side - 1) / 2
        free = (point - share * middle) / (1 - share)
        # the value of the bounded point, with the gradient of the free one: the difference is exactly 0
        axes.append(free.clamp(0, side - 1).detach() + (free - free.detach()))
    return torch.stack(axes, -1)


def spatial_softmax(logits: Tensor, beta: float = 1.0) -> Tensor:
    """Probabilities of the cells: softmax of ``beta * logits`` over the map or volume (equation 3).

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), any floating-point type.
        beta: Factor of the logits.

    Returns:
        Of the same shape, float32 (float64 of such logits).

    Raises:
        ValueError: If ``logits`` has another number of dimensions.

    Example:
        >>> import torch
        >>> spatial_softmax(torch.zeros(1, 1, 2, 2))
        tensor([[[[0.2500, 0.2500],
                  [0.2500, 0.2500]]]])
    """
    _check_logits(logits)
    return (_precise(logits).flatten(2) * beta).softmax(-1).view(logits.shape)


def soft_argmax_scores(
    logits: Tensor, beta: float = 1.0, score: str = 'mass', radius: float = 1.0, debias: bool = False
) -> tuple[Tensor, Tensor]:
    """Points of a soft-argmax and a confidence for each; without gradients.

    Args:
        logits: (B, K, H, W) or volumes (B, K, D, H, W), any floating-point type.
        beta: Factor of the logits before the softmax.
        score: 'mass': the probability of the cells that are at most ``radius`` from the point on each axis. A cell
            that the border of this square crosses counts by the part inside, so that the score has no jumps.
            'spread': ``1 / (1 + v / radius**2)``, where v is the mean squared distance of the probability from the
            point in cells, averaged over the axes. 'peak': the probability of the most probable cell.
        radius: In cells.
        debias: As in :func:`soft_argmax`; the scores are those of the point that is returned.

    Returns:
        Points (B, K, 2 or 3) in cells, x first, and scores (B, K) from 0 to 1, float32 (float64 of such logits).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> logits = torch.full((1, 1, 3, 4), -1e4)
        >>> logits[..., 2, 0], logits[..., 2, 2] = 5.0, 5.0
        >>> points, scores = soft_argmax_scores(logits, score='peak')
        >>> points, scores
        (tensor([[[1., 2.]]]), tensor([[0.5000]]))
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
        cells = _cells(vector.shape[-1], vector)
        variance = variance + (vector * (cells - point[..., None]) ** 2).sum(-1) / total
    return 1 / (1 + variance / (points.shape[-1] * radius**2))


def _mass(weights: Tensor, total: Tensor, points: Tensor, radius: float) -> Tensor:
    near = weights
    # x, the last axis, first: every sum removes the axis it was taken over
    for axis, point in enumerate(points.unbind(-1)):
        cells = _cells(weights.shape[-1 - axis], points)
        inside = (radius + 0.5 - (cells - point[..., None]).abs()).clamp(0.0, min(1.0, 2 * radius))
        near = (near * _along_axis(inside, 0, near.dim())).sum(-1)
    return near / total
