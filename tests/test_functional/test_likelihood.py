import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Laplace, MultivariateNormal, Normal

from mmpose_ext.functional import (
    base_log_density,
    base_quantiles,
    bounded_log_sigma,
    likelihood_loss,
    log_overlap,
    product_moments,
    standard_normal_log_density,
    standardize,
)


def likelihood_loop(log_sigma, log_q, log_g, flow_term):
    """The loss of each joint in float64, the sum over its axes, as the equations have it."""
    people, joints, axes = log_sigma.shape
    loss = torch.zeros(people, joints, dtype=torch.float64)
    for n in range(people):
        for k in range(joints):
            for d in range(axes):
                scale = log_sigma[n, k, d].double()
                if log_q is not None:
                    loss[n, k] -= log_q[n, k, d]
                if flow_term == 'once':  # one Jacobian of the product Q(e) G(e)
                    loss[n, k] += scale
                if flow_term == 'official':  # each density is taken to the label's space, and G counts on every axis
                    loss[n, k] += (log_q is not None) * scale
                    loss[n, k] += 0 if log_g is None else scale - log_g[n, k]
            if log_g is not None and flow_term == 'once':
                loss[n, k] -= log_g[n, k]
    return loss


# ---------------------------------------------------------------------------------------------
# sigma


def test_log_sigma_is_the_logarithm_of_the_sigmoid():
    raw = torch.linspace(-13.5, 110, 500)
    expected = -torch.log1p((-raw.double()).exp())
    np.testing.assert_allclose(bounded_log_sigma(raw), expected, rtol=1e-6, atol=1e-38)


@pytest.mark.parametrize('min_sigma', [1e-6, 1e-3, 0.5])
def test_log_sigma_has_a_floor(min_sigma):
    raw = torch.tensor([-110.0, -1000.0, -3e38, math.log(min_sigma) - 10])
    np.testing.assert_allclose(bounded_log_sigma(raw, min_sigma), math.log(min_sigma), rtol=1e-6)
    assert bounded_log_sigma(torch.tensor(5.0), min_sigma) > math.log(min_sigma)


def test_gradient_of_log_sigma_does_not_know_the_floor():
    """d log sigmoid(r) / dr = sigmoid(-r), so that a sigma below the floor can come back."""
    raw = torch.tensor([-110.0, -20.0, -10.0, 0.0, 3.0, 110.0], requires_grad=True)
    bounded_log_sigma(raw).sum().backward()
    np.testing.assert_allclose(raw.grad, (-raw.detach().double()).sigmoid(), rtol=1e-5, atol=1e-38)


def test_standardised_error_is_that_of_the_programs():
    difference, raw = torch.randn(90), torch.linspace(-13, 5, 90)
    expected = difference.double() / (raw.double().sigmoid() + 1e-9)
    np.testing.assert_allclose(standardize(difference, bounded_log_sigma(raw)), expected, rtol=1e-5)


@pytest.mark.parametrize('min_sigma', [0, -1.0, float('nan'), float('inf')])
def test_bad_floor(min_sigma):
    with pytest.raises(ValueError, match=r"'min_sigma' must be a finite number > 0, got "):
        bounded_log_sigma(torch.zeros(1), min_sigma)


# ---------------------------------------------------------------------------------------------
# densities

errors = torch.cat((torch.randn(200, generator=torch.Generator().manual_seed(0)) * 10, torch.zeros(1)))


@pytest.mark.parametrize('laplace_density', ['exact', 'official'])
def test_gaussian_is_torchs(laplace_density):
    expected = Normal(0.0, 1.0).log_prob(errors.double())
    np.testing.assert_allclose(base_log_density(errors, 'gaussian', laplace_density), expected, rtol=1e-5)


def test_exact_laplace_is_torchs():
    expected = Laplace(0.0, 1.0).log_prob(errors.double())
    np.testing.assert_allclose(base_log_density(errors), expected, rtol=1e-5)


def test_released_laplace():
    """The official implementation: log(sigma / amp) + |d| / (sqrt(2) sigma) with amp = 1 / sqrt(2 pi)."""
    sigma, distance = 0.25, 0.6
    expected = math.log(sigma / (1 / math.sqrt(2 * math.pi))) + distance / (math.sqrt(2) * sigma)
    log_q = base_log_density(torch.tensor(distance / sigma), 'laplace', 'official')
    np.testing.assert_allclose(math.log(sigma) - log_q, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ('distribution', 'laplace_density', 'integral'),
    [('laplace', 'exact', 1), ('laplace', 'official', 2 / math.sqrt(math.pi)), ('gaussian', 'exact', 1)],
)
def test_integral_of_the_density(distribution, laplace_density, integral):
    points = torch.linspace(-40, 40, 80001, dtype=torch.float64)
    density = base_log_density(points, distribution, laplace_density).exp()
    np.testing.assert_allclose(torch.trapezoid(density, points), integral, rtol=1e-6)


@pytest.mark.parametrize('dim', [2, 3])
def test_standard_normal_is_torchs(dim):
    points = 5 * torch.randn(4, 9, dim)
    expected = MultivariateNormal(torch.zeros(dim), torch.eye(dim)).log_prob(points)
    np.testing.assert_allclose(standard_normal_log_density(points), expected, rtol=1e-6)


@pytest.mark.parametrize('dim', [1, 2, 3])
@pytest.mark.parametrize(
    ('distribution', 'laplace_density', 'base'),
    [
        ('laplace', 'exact', Laplace(0.0, 1.0)),
        ('laplace', 'official', Laplace(0.0, math.sqrt(2))),
        ('gaussian', 'exact', Normal(0.0, 1.0)),
    ],
)
def test_quantiles_are_torchs(dim, distribution, laplace_density, base):
    found, log_share = base_quantiles(6, dim, distribution, laplace_density, torch.zeros((), dtype=torch.float64))
    mass = base_log_density(torch.zeros(()), distribution, laplace_density).exp() / base.log_prob(torch.zeros(())).exp()
    np.testing.assert_allclose(log_share, dim * math.log(mass / 6), rtol=1e-5)
    axis = [base.icdf(torch.tensor((i + 0.5) / 6, dtype=torch.float64)).item() for i in range(6)]
    np.testing.assert_allclose(found, np.array(list(itertools.product(axis, repeat=dim))), rtol=1e-6, atol=1e-12)
    single, _ = base_quantiles(6, dim, distribution, laplace_density)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.parametrize(
    ('distribution', 'laplace_density', 'moment'),
    # integrals of Q, and of Q times the square, over one axis with a standard normal density
    [
        ('laplace', 'exact', math.exp(0.5) * math.erfc(math.sqrt(0.5)) / 2),
        ('laplace', 'official', math.exp(0.25) * math.erfc(0.5) / math.sqrt(2 * math.pi)),
        ('gaussian', 'exact', 0.5 / math.sqrt(math.pi)),
    ],
)
def test_overlap_with_a_normal_distribution(dim, distribution, laplace_density, moment):
    found = log_overlap(standard_normal_log_density, dim, distribution, laplace_density)
    np.testing.assert_allclose(found.exp(), moment**dim, rtol=0.02)


@pytest.mark.parametrize('dim', [2, 3])
def test_moments_of_a_product_are_those_of_a_sum(dim):
    """The product of two normal densities is one with half of the variance, shifted to the middle."""
    middle = torch.tensor([1.0, -2.0, 0.5])[:dim]
    found = product_moments(lambda points: standard_normal_log_density(points - middle), dim, 'gaussian')
    np.testing.assert_allclose(found, torch.outer(middle, middle) / 4 + torch.eye(dim) / 2, atol=0.01)


def test_gradients_of_an_overlap():
    """Of a normal density under another one, whose overlap is normal in the difference of the means."""
    middle = torch.tensor([0.7, -0.2], dtype=torch.float64, requires_grad=True)
    like = torch.zeros((), dtype=torch.float64)
    value = log_overlap(lambda points: standard_normal_log_density(points - middle), 2, 'gaussian', like=like)
    assert value.dtype == torch.float64
    value.backward()
    np.testing.assert_allclose(middle.grad, -middle.detach() / 2, atol=5e-3)


# ---------------------------------------------------------------------------------------------
# the loss


@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.parametrize('flow_term', ['official', 'once'])
@pytest.mark.parametrize('terms', ['rle', 'dle', 'base'])
def test_loss_is_the_loops(dim, flow_term, terms):
    log_sigma, log_q, log_g = torch.randn(3, 5, dim), torch.randn(3, 5, dim), torch.randn(3, 5)
    log_q = None if terms == 'dle' else log_q
    log_g = None if terms == 'base' else log_g
    found = likelihood_loss(log_sigma, log_q, log_g, flow_term)
    assert found.shape == (3, 5, dim)
    expected = likelihood_loop(log_sigma, log_q, log_g, flow_term)
    np.testing.assert_allclose(found.sum(-1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(log_q=None, log_g=None), "'log_q' must be a tensor where 'log_g' is None, got None"),
        (dict(log_sigma=torch.zeros(2, 3)), r"'log_sigma' must have shape \(B, K, D\), got shape \(2, 3\)"),
        (dict(log_q=torch.zeros(2, 3, 3)), r"'log_q' must have shape .* D=2, got shape \(2, 3, 3\)"),
        (dict(log_g=torch.zeros(2, 4)), r"'log_g' must have shape \(B, K\) with B=2, K=3, got shape \(2, 4\)"),
        (dict(flow_term='twice'), "'flow_term' must be one of 'official', 'once', got 'twice'"),
    ],
)
def test_bad_arguments(change, message):
    arguments = dict(log_sigma=torch.zeros(2, 3, 2), log_q=torch.zeros(2, 3, 2), log_g=torch.zeros(2, 3))
    with pytest.raises(ValueError, match=message):
        likelihood_loss(**arguments | change)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('cauchy', 'exact'), "'distribution' must be one of 'laplace', 'gaussian', got 'cauchy'"),
        (('laplace', 'mine'), "'laplace_density' must be one of 'exact', 'official', got 'mine'"),
    ],
)
def test_bad_distribution(arguments, message):
    with pytest.raises(ValueError, match=message):
        base_log_density(torch.zeros(1), *arguments)
    with pytest.raises(ValueError, match=message):
        base_quantiles(2, 2, *arguments)


@pytest.mark.parametrize('name', ['count', 'dim'])
def test_bad_number_of_quantiles(name):
    with pytest.raises(ValueError, match=f"'{name}' must be a finite number > 0, got 0"):
        base_quantiles(**dict(count=2, dim=2) | {name: 0})


def test_sigma_of_an_infinite_raw_scale():
    raw = torch.tensor([-math.inf, math.inf], requires_grad=True)
    log_sigma = bounded_log_sigma(raw, 0.01)
    np.testing.assert_allclose(log_sigma.detach(), [math.log(0.01), 0], rtol=1e-6)
    log_sigma.sum().backward()
    assert raw.grad.isfinite().all()
