"""Log-likelihoods of regressed joints: residual log-likelihood estimation (RLE, Li et al., ICCV 2021) and its parts.

A network predicts a mean ``mu`` and a raw scale for each axis of a joint. Its standardized error against the label
``g`` is ``e = (mu - g) / sigma``. (The paper writes ``g - mu``; the official implementation and MMPose have this sign,
which matters to a trained flow.) Every loss of the paper is made of three terms:

* the base density ``Q(e)``, Laplace or Gaussian, on each axis;
* the density ``G(e)`` of the flow, of a whole joint with all its D axes, which learns how ``Q`` is wrong;
* ``log sigma``, the Jacobian of the standardization, on each axis.

All are computed in float32 (float64 stays), whatever the type of the network's output.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_choice, check_positive, check_shape

__all__ = [
    'base_log_density',
    'base_quantiles',
    'bounded_log_sigma',
    'likelihood_loss',
    'log_overlap',
    'product_moments',
    'standard_normal_log_density',
    'standardize',
]

_EPSILON = 1e-9  # added to sigma before the division, as in the official implementation and MMPose
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def bounded_log_sigma(raw_sigma: Tensor, min_sigma: float = 1e-6) -> Tensor:
    """Logarithm of the sigmoid of a raw scale, at least ``log(min_sigma)``: ``max(log(sigmoid(raw)), log(min))``.

    The logarithm and the sigmoid are one function here. The sigmoid alone would be 0 in float32 for raw scales below
    -104, and its logarithm minus infinity. With the lower limit, the standardized error of a label at distance d is at
    most d / min_sigma. Below the limit the gradient is that of ``log(sigmoid(raw))``, so that a scale can grow again.

    Args:
        raw_sigma: (...), any number, minus infinity included.
        min_sigma: Smallest sigma, in the unit of the labels (pixels / input size: 1e-6 is 0.0003 pixels of 256).

    Returns:
        (...), from log(min_sigma) to 0.

    Raises:
        ValueError: If ``min_sigma`` is not above 0.

    Example:
        >>> import torch
        >>> bounded_log_sigma(torch.tensor([0.0, -1e6]), min_sigma=0.01)
        tensor([-0.6931, -4.6052])
    """
    check_positive('min_sigma', min_sigma)
    log_sigma = F.logsigmoid(raw_sigma.clamp(min=torch.finfo(raw_sigma.dtype).min))
    # the bounded value, with the gradient of the free one: their difference is exactly 0
    return log_sigma.detach().clamp(min=math.log(min_sigma)) + (log_sigma - log_sigma.detach())


def standardize(difference: Tensor, log_sigma: Tensor) -> Tensor:
    """Difference of a label and a prediction in units of sigma; shapes are broadcast.

    Example:
        >>> import torch
        >>> standardize(torch.tensor([0.5]), torch.tensor([0.25]).log())
        tensor([2.])
    """
    return difference / (log_sigma.exp() + _EPSILON)


def standard_normal_log_density(points: Tensor) -> Tensor:
    """Log density of the D-dimensional standard normal distribution: ``-|z|^2 / 2 - D log(2 pi) / 2``.

    Args:
        points: (..., D).

    Returns:
        (...).

    Example:
        >>> import torch
        >>> standard_normal_log_density(torch.zeros(1, 2))
        tensor([-1.8379])
    """
    return -0.5 * (points * points).sum(-1) - points.shape[-1] * _HALF_LOG_2PI


def base_log_density(error: Tensor, distribution: str = 'laplace', laplace_density: str = 'exact') -> Tensor:
    """Log density of the base distribution Q on each axis.

    ========  ==================  ========================================
    Laplace   ``'exact'``         ``-|e| - log 2``
    Laplace   ``'official'``      ``-|e| / sqrt(2) - log(2 pi) / 2``
    Gaussian  either              ``-e^2 / 2 - log(2 pi) / 2``
    ========  ==================  ========================================

    The official implementation takes the constant of the Gaussian and the scale sqrt(2) for its Laplace distribution.
    The result is no density: its integral is 2 / sqrt(pi) = 1.128. MMPose has the exact density.

    Args:
        error: (...), standardized.
        distribution: 'laplace' or 'gaussian'.
        laplace_density: 'exact' or 'official'.

    Returns:
        (...), the log density of each error.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> import torch
        >>> base_log_density(torch.tensor([0.0, 1.0]))
        tensor([-0.6931, -1.6931])
    """
    check_choice('distribution', distribution, ('laplace', 'gaussian'))
    check_choice('laplace_density', laplace_density, ('exact', 'official'))
    if distribution == 'gaussian':
        return -0.5 * error * error - _HALF_LOG_2PI
    if laplace_density == 'exact':
        return -error.abs() - math.log(2)
    return -error.abs() * math.sqrt(0.5) - _HALF_LOG_2PI


def base_quantiles(
    count: int,
    dim: int,
    distribution: str = 'laplace',
    laplace_density: str = 'exact',
    like: Tensor | None = None,
) -> tuple[Tensor, float]:
    """Points that stand for equal shares of the base density Q, for integrals of Q times a function.

    The integral is the sum of the function's values at the points times the share. On each axis the points are the
    quantiles of ``(i + 1/2) / count``, the midpoints of equally likely intervals.

    Args:
        count: Points on each axis.
        dim: Number of axes D.
        distribution: 'laplace' or 'gaussian'.
        laplace_density: 'exact' or 'official', see :func:`base_log_density`.
        like: Points have the type and the device of this tensor; None: float32 on the CPU.

    Returns:
        Points (count ** D, D), and the logarithm of the share of each.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> points, log_share = base_quantiles(2, 1)
        >>> points, f'{log_share:.4f}'
        (tensor([[-0.6931],
                [ 0.6931]]), '-0.6931')
    """
    check_positive('count', count)
    check_positive('dim', dim)
    check_choice('distribution', distribution, ('laplace', 'gaussian'))
    check_choice('laplace_density', laplace_density, ('exact', 'official'))
    dtype, device = (torch.float32, None) if like is None else (like.dtype, like.device)
    shares = (torch.arange(count, dtype=dtype, device=device) + 0.5) / count
    if distribution == 'gaussian':
        axis, mass = torch.special.ndtri(shares), 1.0
    else:
        # the official Laplace density is one of the scale sqrt(2), times this mass
        scale, mass = (1.0, 1.0) if laplace_density == 'exact' else (math.sqrt(2), 2 / math.sqrt(math.pi))
        axis = -scale * (shares - 0.5).sign() * torch.log1p(-2 * (shares - 0.5).abs())
    return torch.cartesian_prod(*[axis] * dim).view(-1, dim), dim * math.log(mass / count)


def log_overlap(
    log_density: Callable[[Tensor], Tensor],
    dim: int,
    distribution: str = 'laplace',
    laplace_density: str = 'exact',
    like: Tensor | None = None,
) -> Tensor:
    """Logarithm of the integral of Q times another density: minus the paper's ``log s``.

    It is a sum over :func:`base_quantiles`: 32 on each of two axes, 16 on each of three.

    Args:
        log_density: Called with points (N, D), gives their log densities (N,).
        dim: Number of axes D.
        distribution: 'laplace' or 'gaussian'.
        laplace_density: 'exact' or 'official', see :func:`base_log_density`.
        like: Points have the type and the device of this tensor; None: float32 on the CPU.

    Returns:
        A scalar, with a graph if the densities have one.

    Example:
        >>> log_overlap(standard_normal_log_density, 2, 'gaussian').exp()  # 1 / (4 pi) is 0.0796
        tensor(0.0797)
    """
    points, log_share = base_quantiles(32 if dim == 2 else 16, dim, distribution, laplace_density, like)
    return log_density(points).logsumexp(0) + log_share


@torch.no_grad()
def product_moments(
    log_density: Callable[[Tensor], Tensor],
    dim: int,
    distribution: str = 'laplace',
    laplace_density: str = 'exact',
    like: Tensor | None = None,
) -> Tensor:
    """Second moments (D, D) about 0 of the density that is Q times another one; arguments as in :func:`log_overlap`.

    A sum over :func:`base_quantiles`: 128 on each of two axes, 40 on each of three.

    Example:
        >>> product_moments(standard_normal_log_density, 2, 'gaussian').diagonal()  # 1 / 2
        tensor([0.5004, 0.5004])
    """
    points, _ = base_quantiles(128 if dim == 2 else 40, dim, distribution, laplace_density, like)
    weights = log_density(points).softmax(0)[:, None]
    return points.t() @ (weights * points)


def likelihood_loss(
    log_sigma: Tensor, log_q: Tensor | None, log_g: Tensor | None = None, flow_term: str = 'official'
) -> Tensor:
    """Negative log-likelihood of each axis of each joint, from its terms.

    With both densities it is RLE (section 3.3 of the paper); with the density of the flow alone it is DLE (direct
    likelihood estimation with reparameterization); with the base density alone it is regression with a learned sigma.
    On each axis::

        once        RLE       log sigma     - log Q(e) - log G(e) / D
                    DLE       log sigma                - log G(e) / D
        official    RLE       2 * log sigma - log Q(e) - log G(e)
                    DLE       log sigma                - log G(e)
        both        no flow   log sigma     - log Q(e)

    The loss of a joint is the sum over its D axes. With 'once' it has ``log G`` once, as in the paper's equation. With
    'official' it has ``log G`` D times, and one ``log sigma`` for each of the two densities, as in the official
    implementation and MMPose.

    The paper's ``log s``, with 1 / s the integral of Q times G, is left out, as in both implementations (a caller may
    add it to ``log_g``, as ``RLELoss(flow_term='normalized')`` does). The gradients of the mean and of sigma do not
    depend on it, but that of the flow would. Without ``log s``, a larger sigma and a narrower flow are the same density
    except for Q, so that sigmas grow beyond the errors in a training: they rank joints, but are no standard deviations.
    Where errors are large, sigmas come near 1, the largest value of a sigmoid, and rank joints less well. DLE with
    'official' even gains D * (D - 1) nats for each joint when sigma grows by a factor of e, so that sigma grows to its
    largest value.

    Args:
        log_sigma: (B, K, D).
        log_q: (B, K, D), logarithm of the base density, or None.
        log_g: (B, K), logarithm of the density of the flow, or None.
        flow_term: 'official' or 'once'.

    Returns:
        (B, K, D) in nats; negative where the density is above 1, which is no error.

    Raises:
        ValueError: If there is no density, or a shape or ``flow_term`` is out of range.

    Example:
        >>> import torch
        >>> log_sigma, log_q, log_g = torch.full((1, 1, 2), -1.0), torch.full((1, 1, 2), -2.0), torch.tensor([[-4.0]])
        >>> likelihood_loss(log_sigma, log_q, log_g, 'once')
        tensor([[[3., 3.]]])
        >>> likelihood_loss(log_sigma, log_q, log_g, 'official')
        tensor([[[4., 4.]]])
    """
    sizes = check_shape('log_sigma', log_sigma, 'B K D')
    check_choice('flow_term', flow_term, ('official', 'once'))
    if log_q is None and log_g is None:
        raise ValueError("'log_q' must be a tensor where 'log_g' is None, got None")
    loss = log_sigma
    if log_q is not None:
        check_shape('log_q', log_q, 'B K D', **sizes)
        loss = loss - log_q
    if log_g is None:
        return loss
    check_shape('log_g', log_g, 'B K', B=sizes['B'], K=sizes['K'])
    if flow_term == 'once':
        return loss - log_g[..., None] / sizes['D']
    if log_q is not None:
        loss = loss + log_sigma  # of the second density
    return loss - log_g[..., None]
