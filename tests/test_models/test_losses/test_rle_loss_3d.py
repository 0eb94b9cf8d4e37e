"""RLE for batches in which some joints have depth and others have none."""

import numpy as np
import pytest
import torch

from mmpose_ext.models.losses import RLELoss

FLOW = dict(type='RealNVP', num_couplings=3, hidden_channels=16)
FLOWS = dict(flow=dict(FLOW, dim=3), flow_2d=FLOW)
KINDS = {
    'RLE': FLOWS,
    'RLE-once': dict(FLOWS, flow_term='once'),
    'RLE-normalized': dict(FLOWS, flow_term='normalized'),
    'RLE-official': dict(FLOWS, laplace_density='official', q_distribution='gaussian'),
    'DLE': dict(FLOWS, residual=False),
    'laplace': dict(flow=None),
}
each_kind = pytest.mark.parametrize('config', KINDS.values(), ids=KINDS)
NAN = float('nan')


def build(config):
    """A loss whose flows have learned something, each its own, in float64."""
    loss = RLELoss(**config).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return loss


def batch():
    """Means, raw sigmas, labels and weights (B, K, 3) of joints with depth, without, and without any label."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(4, 5, 3, generator=generator, dtype=torch.float64)
    pred = target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    raw_sigma = torch.randn(target.shape, generator=generator, dtype=torch.float64) - 2
    weights = torch.ones_like(target)
    weights[..., 2] = (torch.arange(20).view(4, 5) % 2).double()
    weights[0, 1] = weights[2, 2] = 0
    return pred.requires_grad_(), raw_sigma.requires_grad_(), target, weights


@each_kind
def test_a_mixed_batch_is_the_sum_of_a_3d_and_a_2d_loss(config):
    """The 3D loss of the joints with depth and the 2D loss, with the other flow, of x and y of those without."""
    loss, (pred, raw_sigma, target, weights) = build(config), batch()
    solid = RLELoss(**{name: value for name, value in config.items() if name != 'flow_2d'}).double()
    flat = RLELoss(
        **{name: value for name, value in config.items() if name != 'flow_2d'}
        | (dict(flow=FLOW) if config['flow'] else {})
    ).double()
    if config['flow']:
        solid.flow_model.load_state_dict(loss.flow_model.state_dict())
        flat.flow_model.load_state_dict(loss.flow_model_2d.state_dict())
    deep = weights[..., 2]
    plain = weights[..., 0] * (1 - deep)
    expected = solid(pred, raw_sigma, target, deep) + flat(pred[..., :2], raw_sigma[..., :2], target[..., :2], plain)
    wanted = torch.autograd.grad(expected, (pred, raw_sigma))
    found = loss(pred, raw_sigma, target, weights)
    np.testing.assert_allclose(found.item(), expected.item(), rtol=1e-12)
    for one, other in zip(torch.autograd.grad(found, (pred, raw_sigma)), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@each_kind
@pytest.mark.parametrize('bad', [NAN, float('inf'), 7.0])
def test_an_unknown_depth_reaches_nothing(config, bad):
    loss, (pred, raw_sigma, target, weights) = build(config), batch()
    leaves = (pred, raw_sigma, *loss.parameters())
    expected = loss(pred, raw_sigma, target, weights)
    wanted = torch.autograd.grad(expected, leaves)
    target = torch.where(weights > 0, target, bad)
    found = loss(pred, raw_sigma, target, weights)
    assert found == expected
    for one, other in zip(torch.autograd.grad(found, leaves), wanted, strict=True):
        assert (one == other).all()


@each_kind
def test_a_nan_label_is_as_good_as_a_weight_of_0(config):
    loss, (pred, raw_sigma, target, weights) = build(config), batch()
    expected = loss(pred, raw_sigma, target, weights)
    target = torch.where(weights > 0, target, NAN)
    assert loss(pred, raw_sigma, target, weights.amax(-1)) == expected
    assert loss(pred, raw_sigma, target) == expected


@each_kind
def test_a_batch_without_depth_leaves_depth_alone(config):
    loss, (pred, raw_sigma, target, weights) = build(config), batch()
    weights[..., 2] = 0
    loss(pred, raw_sigma, target, weights).backward()
    for leaf in (pred, raw_sigma):
        assert (leaf.grad[..., 2] == 0).all()
        assert leaf.grad[..., :2].abs().sum() > 0
    if config['flow']:
        # in the graph, as DistributedDataParallel needs it, with nothing to learn
        assert all((parameter.grad == 0).all() for parameter in loss.flow_model.parameters())
        assert any((parameter.grad != 0).any() for parameter in loss.flow_model_2d.parameters())


def test_gradient_is_the_numerical_one():
    loss, (pred, raw_sigma, target, weights) = build(FLOWS), batch()
    assert torch.autograd.gradcheck(lambda mean, raw: loss(mean, raw, target, weights), (pred, raw_sigma))


def test_without_a_second_flow_depth_counts_as_right():
    loss, (pred, raw_sigma, target, weights) = build(dict(flow=FLOWS['flow'])), batch()
    expected = loss(pred, raw_sigma, target, weights)
    right = torch.where(weights[..., 2:] > 0, pred.detach(), torch.cat((pred[..., :2], target[..., 2:]), -1).detach())
    moved = torch.cat((pred[..., :2], right[..., 2:]), -1)
    np.testing.assert_allclose(loss(moved, raw_sigma, target, weights).item(), expected.item(), rtol=1e-12)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_in_low_precision(dtype):
    loss, arrays = build(FLOWS).float(), batch()
    pred, raw_sigma, target, weights = (array.detach().to(dtype) for array in arrays)
    expected = loss(*(array.float() for array in (pred, raw_sigma, target, weights)))
    pred.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(pred, raw_sigma, target, weights)
    np.testing.assert_allclose(found.item(), expected.item(), rtol=1e-5)
    found.backward()
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize(
    ('change', 'came'),
    [
        (dict(flow=FLOW), 'got 2 beside 2 with reparameterized=True'),
        (dict(flow=None), 'got 2 beside None with reparameterized=True'),
        (dict(flow_2d=FLOWS['flow']), 'got 3 beside 3 with reparameterized=True'),
        (dict(residual=False, reparameterized=False), 'got 2 beside 3 with reparameterized=False'),
    ],
)
def test_flows_that_do_not_fit(change, came):
    with pytest.raises(ValueError, match=f"'flow_2d' must be a flow of 2 axes beside a 'flow' of 3 .* {came}"):
        RLELoss(**FLOWS | change)
