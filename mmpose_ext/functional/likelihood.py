"""Log-likelihoods of regressed joints: residual log-likelihood estimation (RLE, Li et al., ICCV 2021) and its parts.

A network answers with a mean ``mu`` and a raw scale for each axis of a joint. Its standardised error against the label
``g`` is ``e = (mu - g) / sigma``; the paper writes the label first, its program and MMPose's do not, and a trained flow
knows the difference. Three terms make every loss of the paper:

* the base density ``Q(e)``, Laplace or Gaussian;
* the flow's density ``G(e)`` of a whole joint (all D axes at once), which learns how ``Q`` is wrong;
* ``log sigma``, the Jacobian of the standardisation.

All are computed in float32 (float64 stays), whatever type the network's output has.
"""

import math

import torch.nn.functional as F
from torch import Tensor

from .checks import check_choice, check_positive, check_shape

__all__ = ['base_log_density', 'bounded_log_sigma', 'likelihood_loss', 'standard_normal_log_density', 'standardize']

_EPSILON = 1e-9  # what the released programs add to sigma where they divide by it
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def bounded_log_sigma(raw_sigma: Tensor, min_sigma: float = 1e-6) -> Tensor:
    """Logarithm of the sigmoid of a raw scale, at least ``log(min_sigma)``.

    The logarithm is taken of the sigmoid as a whole: the sigmoid alone is 0 in float32 for raw scales below -104, and
    its logarithm minus infinity. The floor bounds the standardised error of a label that is d away by d / min_sigma.
    Below the floor the value stays, but the gradient is that of the unbounded logarithm, so that a scale which has
    fallen below it can come back.

    Args:
        raw_sigma: (...), what the network says, any number.
        min_sigma: The floor, in the unit of the labels (pixels / input size: 1e-6 is 0.0003 pixels of 256).

    Returns:
        (...), from log(min_sigma) to 0.
    """
    check_positive('min_sigma', min_sigma)
    log_sigma = F.logsigmoid(raw_sigma)
    # a difference that is exactly 0 carries the gradient past the clamp
    return log_sigma.detach().clamp(min=math.log(min_sigma)) + (log_sigma - log_sigma.detach())


def standardize(difference: Tensor, log_sigma: Tensor) -> Tensor:
    """Difference of a label and a prediction in units of sigma; shapes are broadcast."""
    return difference / (log_sigma.exp() + _EPSILON)


def standard_normal_log_density(points: Tensor) -> Tensor:
    """Log density of the D-dimensional standard normal distribution in closed form.

    Args:
        points: (..., D).

    Returns:
        (...): ``-|z|^2 / 2 - D log(2 pi) / 2``.
    """
    return -0.5 * (points * points).sum(-1) - points.shape[-1] * _HALF_LOG_2PI


def base_log_density(error: Tensor, distribution: str = 'laplace', laplace_density: str = 'exact') -> Tensor:
    """Log density of the base distribution Q on each axis.

    ========  ==================  ========================================
    Laplace   ``'exact'``         ``-|e| - log 2``
    Laplace   ``'official'``      ``-|e| / sqrt(2) - log(2 pi) / 2``
    Gaussian  either              ``-e^2 / 2 - log(2 pi) / 2``
    ========  ==================  ========================================

    The authors' program takes the Gaussian's constant and the scale sqrt(2) for its Laplace distribution; that is no
    density (it integrates to 2 / sqrt(pi) = 1.128). MMPose has the exact one.

    Args:
        error: (...), standardised.
        distribution: 'laplace' or 'gaussian'.
        laplace_density: 'exact' or 'official'.

    Returns:
        (...), the log density of each error.
    """
    check_choice('distribution', distribution, ('laplace', 'gaussian'))
    check_choice('laplace_density', laplace_density, ('exact', 'official'))
    if distribution == 'gaussian':
        return -0.5 * error * error - _HALF_LOG_2PI
    if laplace_density == 'exact':
        return -error.abs() - math.log(2)
    return -error.abs() * math.sqrt(0.5) - _HALF_LOG_2PI


def likelihood_loss(
    log_sigma: Tensor, log_q: Tensor | None, log_g: Tensor | None = None, flow_term: str = 'official'
) -> Tensor:
    """Negative log-likelihood of each axis of each joint, put together from its terms.

    With both densities it is RLE (section 3.3 of the paper), with the flow's alone DLE (direct likelihood estimation
    with reparameterisation), with the base density alone the regression with a learned sigma. On an axis::

        paper      RLE    log sigma     - log Q(e) - log G(e) / D
                   DLE    log sigma                - log G(e) / D
        released   RLE    2 * log sigma - log Q(e) - log G(e)
                   DLE    log sigma                - log G(e)
        both       no G   log sigma     - log Q(e)

    so that a joint, the sum of its D axes, has ``log G`` once in the paper's equation and D times in the authors'
    program and in MMPose, which also have ``log sigma`` once for each of the two densities. The paper's ``log s``, with
    s the integral of Q times G, is left out here and in both programs: no gradient of the mean or of sigma depends on
    it. One of the flow would. Without it a larger sigma and a narrower flow are the same density, but for Q, so that
    sigmas grow beyond the errors in a training: they rank joints, and are no standard deviations. DLE in the released
    counting even gains from that growth, D * (D - 1) nats a joint for a factor of e, until sigma is at its largest.

    Args:
        log_sigma: (B, K, D).
        log_q: (B, K, D), the base density's logarithm, or None.
        log_g: (B, K), the flow's, or None.
        flow_term: 'official' or 'once'.

    Returns:
        (B, K, D) in nats; negative where the density is above 1, which is no error.

    Raises:
        ValueError: If there is no density, or a shape or ``flow_term`` is out of range.
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
        loss = loss + log_sigma
    return loss - log_g[..., None]
