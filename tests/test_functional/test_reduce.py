import numpy as np
import pytest
import torch

from mmpose_ext.functional import mask_gradient, weighted_reduce

NAN, INF = float('nan'), float('inf')
every_reduction = pytest.mark.parametrize('reduction', ['valid', 'batch', 'all'])


def weighted_reduce_loop(values, weights, reduction):
    total, joints = 0.0, 0
    for value, weight in zip(values.flatten().tolist(), weights.flatten().tolist(), strict=True):
        if weight > 0:
            total += weight * value
            joints += 1
    return total / {'valid': max(joints, 1), 'batch': len(values), 'all': values.numel()}[reduction]


@every_reduction
@pytest.mark.parametrize('shape', [(4, 5), (1, 1), (1, 5), (4, 1)])
def test_equal_to_a_loop(reduction, shape):
    values = torch.randn(shape, dtype=torch.float64)
    weights = torch.rand(shape, dtype=torch.float64) * (torch.rand(shape) < 0.7)
    found = weighted_reduce(values, weights, reduction)
    assert found.shape == ()
    np.testing.assert_allclose(found, weighted_reduce_loop(values, weights, reduction), rtol=1e-12)


def test_the_weight_is_outside_of_the_error():
    """Half of the weight is half of the loss: MMPose's SmoothL1Loss, which weights inside, gives a quarter."""
    values = torch.tensor([[0.02, 0.04]])
    whole, half = (weighted_reduce(values, torch.full((1, 2), weight)) for weight in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2)


def test_default_counts_the_valid_joints():
    values, weights = torch.tensor([[3.0, 5.0, 100.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert weighted_reduce(values, weights) == 4
    assert weighted_reduce(values, weights, 'batch') == 8
    np.testing.assert_allclose(weighted_reduce(values, weights, 'all'), 8 / 3)


@every_reduction
@pytest.mark.parametrize('bad', [NAN, INF, -INF])
def test_a_joint_without_weight_reaches_neither_value_nor_gradient(reduction, bad):
    values = torch.tensor([[1.0, bad], [3.0, 4.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = weighted_reduce(values, weights, reduction)
    assert loss == {'valid': 2, 'batch': 2, 'all': 1}[reduction]
    loss.backward()
    assert values.grad.tolist() == [[loss / 4, 0], [loss / 4, 0]]


@every_reduction
def test_a_joint_with_weight_hides_nothing(reduction):
    assert weighted_reduce(torch.tensor([[1.0, NAN]]), torch.ones(1, 2), reduction).isnan()


@every_reduction
def test_no_joint_is_a_zero_with_a_graph(reduction):
    values = torch.randn(2, 3, requires_grad=True)
    loss = weighted_reduce(values, torch.zeros(2, 3), reduction)
    assert loss == 0
    loss.backward()
    assert (values.grad == 0).all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(values=torch.zeros(2)), r"'values' must have shape \(B, K\), got shape \(2,\)"),
        (dict(weights=torch.ones(2, 4)), r"'weights' must have shape \(B, K\) with B=2, K=3, got shape \(2, 4\)"),
        (dict(weights=torch.ones(2, 3, 1)), r"'weights' must have shape .*, got shape \(2, 3, 1\)"),
        (dict(reduction='mean'), r"'reduction' must be one of 'valid', 'batch', 'all', got 'mean'"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        weighted_reduce(**dict(values=torch.zeros(2, 3), weights=torch.ones(2, 3)) | change)


# ---------------------------------------------------------------------------------------------
# axes


@every_reduction
def test_axes_with_weights_of_their_own_equal_a_loop(reduction):
    values = torch.randn(4, 5, 3, dtype=torch.float64)
    weights = torch.rand(4, 5, 3, dtype=torch.float64) * (torch.rand(4, 5, 3) < 0.7)
    total = sum(float(weights[index] * values[index]) for index in np.ndindex(4, 5, 3))
    divisor = {'valid': int((weights > 0).sum()), 'batch': 4 * 3, 'all': 4 * 5 * 3}[reduction]
    np.testing.assert_allclose(weighted_reduce(values, weights, reduction), total / divisor, rtol=1e-12)


@every_reduction
def test_equal_weights_on_all_axes_are_one_weight_of_their_mean(reduction):
    values = torch.randn(4, 5, 3, dtype=torch.float64)
    weights = (torch.rand(4, 5, dtype=torch.float64) < 0.7).double()
    found = weighted_reduce(values, weights[..., None].expand(-1, -1, 3), reduction)
    np.testing.assert_allclose(found, weighted_reduce(values.mean(-1), weights, reduction), rtol=1e-12)


@every_reduction
def test_an_axis_without_weight_reaches_neither_value_nor_gradient(reduction):
    values = torch.tensor([[[1.0, 2.0, NAN]]], requires_grad=True)
    weighted_reduce(values, torch.tensor([[[1.0, 1.0, 0.0]]]), reduction).backward()
    assert values.grad[0, 0, 0] == values.grad[0, 0, 1] > 0
    assert values.grad[0, 0, 2] == 0


@pytest.mark.parametrize('bad', [0.0, -2.5, float('nan'), float('inf')])
@pytest.mark.parametrize('shape', [(3, 2), (3, 2, 1), (3, 2, 4), (3, 1)])
def test_the_gradient_of_joints_without_weight_is_zero(shape, bad):
    weights = torch.ones(shape)
    weights[1, 0], weights[2] = 0.0, -1.0
    counted = (weights.reshape(*shape, *(1,) * (4 - len(shape))) > 0).expand(3, 2, 4, 5)
    incoming = torch.where(counted, torch.randn(3, 2, 4, 5), bad)
    output = torch.randn(3, 2, 4, 5, requires_grad=True)
    masked = mask_gradient(output, weights)
    assert torch.equal(masked, output)
    masked.backward(incoming)
    assert torch.equal(output.grad, torch.where(counted, incoming, 0.0))
