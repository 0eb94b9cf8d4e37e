import numpy as np
import pytest
import torch
from mmpose.models.losses import L1Loss, MSELoss, SmoothL1Loss

from mmpose_ext.models.losses import CoordinateLoss

NAN, INF = float('nan'), float('inf')


def coordinates(axes=2):
    points, targets = torch.rand(4, 5, axes), torch.rand(4, 5, axes)
    weights = (torch.rand(4, 5) < 0.7).float()
    weights[0, 0] = 0.5
    return points, targets, weights


@pytest.mark.parametrize('axes', [2, 3])
@pytest.mark.parametrize('norm', ['l1', 'l2'])
@pytest.mark.parametrize('reduction', ['valid', 'batch', 'all'])
def test_equal_to_a_loop(axes, norm, reduction):
    points, targets, weights = coordinates(axes)
    total, joints = 0.0, 0
    for b, k in np.ndindex(4, 5):
        difference = (points[b, k] - targets[b, k]).abs()
        error = (difference if norm == 'l1' else difference**2).sum().item() / axes
        total += weights[b, k].item() * error
        joints += weights[b, k].item() > 0
    expected = 3 * total / {'valid': joints, 'batch': 4, 'all': 20}[reduction]
    loss = CoordinateLoss(norm, reduction, loss_weight=3.0)
    np.testing.assert_allclose(loss(points, targets, weights), expected, rtol=1e-5)
    assert loss(points, targets, weights[..., None]) == loss(points, targets, weights)


@pytest.mark.parametrize(('norm', 'theirs'), [('l1', L1Loss), ('l2', MSELoss)])
def test_over_all_joints_it_is_mmposes(norm, theirs):
    points, targets, weights = coordinates()
    weights = (weights > 0).float()  # MMPose's mean square squares a weight
    expected = theirs(use_target_weight=True)(points, targets, weights[..., None].expand(-1, -1, 2))
    np.testing.assert_allclose(CoordinateLoss(norm, 'all')(points, targets, weights), expected, rtol=1e-5)


def test_half_of_the_weight_is_half_of_the_loss():
    """MMPose's SmoothL1Loss has the weight inside, where it is squared."""
    points, targets = torch.full((1, 1, 2), 0.5), torch.zeros(1, 1, 2)
    half, whole = torch.full((1, 1), 0.5), torch.ones(1, 1)
    for norm in ('l1', 'l2'):
        loss = CoordinateLoss(norm)
        assert loss(points, targets, half) == loss(points, targets, whole) / 2
    theirs = SmoothL1Loss(use_target_weight=True)
    assert theirs(points, targets, half) == theirs(points, targets, whole) / 4


@pytest.mark.parametrize('norm', ['l1', 'l2'])
@pytest.mark.parametrize('where', ['points', 'targets'])
@pytest.mark.parametrize('bad', [NAN, INF, -INF])
def test_a_joint_without_weight_reaches_neither_value_nor_gradient(norm, where, bad):
    points, targets, weights = coordinates()
    weights[1, 2] = 0
    expected_points = points.clone().requires_grad_()
    expected = CoordinateLoss(norm)(expected_points, targets, weights)
    expected.backward()
    dict(points=points, targets=targets)[where][1, 2, 1] = bad
    points.requires_grad_()
    loss = CoordinateLoss(norm)(points, targets, weights)
    loss.backward()
    assert loss == expected
    assert (points.grad == expected_points.grad).all()
    assert not points.grad[1, 2].any()


@pytest.mark.parametrize('norm', ['l1', 'l2'])
def test_a_joint_with_weight_hides_nothing(norm):
    points, targets, weights = coordinates()
    weights[1, 2], points[1, 2, 0] = 1, NAN
    assert CoordinateLoss(norm)(points, targets, weights).isnan()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(norm='smooth_l1'), r"'norm' must be one of 'l1', 'l2', got 'smooth_l1'"),
        (dict(reduction='mean'), r"'reduction' must be one of 'valid', 'batch', 'all', got 'mean'"),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        CoordinateLoss(**change)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(output=torch.zeros(4, 5)), r"'output' must have shape \(B, K, D\), got shape \(4, 5\)"),
        (dict(target=torch.zeros(4, 5, 3)), r"'targets' must have shape \(B, K, D\) with B=4, K=5, D=2, got"),
        (dict(weights=torch.ones(4, 5, 3)), r"'weights' must have shape \(B, K, D\) with .*got shape \(4, 5, 3\)"),
        (dict(weights=torch.ones(1, 5)), r"'weights' must have shape \(B, K, D\) with .*got shape \(1, 5, 2\)"),
    ],
)
def test_bad_shapes(change, message):
    points, targets, weights = coordinates()
    with pytest.raises(ValueError, match=message):
        CoordinateLoss()(**dict(output=points, target=targets, weights=weights) | change)


# ---------------------------------------------------------------------------------------------
# depth


@pytest.mark.parametrize('norm', ['l1', 'l2'])
@pytest.mark.parametrize('reduction', ['batch', 'all'])
def test_a_mixed_batch_is_the_sum_of_its_kinds(norm, reduction):
    """Joints with depth, joints without: each axis counts where it has a weight, and nowhere else."""
    points, targets, weights = coordinates(3)
    points.requires_grad_()
    mixed = weights[..., None].repeat(1, 1, 3)
    without = torch.rand(4, 5) < 0.5
    mixed[..., 2][without] = 0
    targets[..., 2][without] = NAN
    loss = CoordinateLoss(norm, reduction)
    total = loss(points, targets, mixed)
    parts = loss(points[..., :2], targets[..., :2], weights) * 2 / 3
    deep = torch.where(without[..., None], 0.0, mixed)[..., 2:]
    parts = parts + loss(points[..., 2:], targets[..., 2:], deep) / 3
    np.testing.assert_allclose(total.item(), parts.item(), rtol=1e-5)
    total.backward()
    assert (points.grad[..., 2][without] == 0).all()
    assert points.grad.isfinite().all()


def test_without_any_depth_it_is_the_loss_in_two_axes():
    points, targets, weights = coordinates(3)
    mixed = torch.stack((weights, weights, 0 * weights), -1)
    targets[..., 2] = NAN
    expected = CoordinateLoss()(points[..., :2], targets[..., :2], weights)
    np.testing.assert_allclose(CoordinateLoss()(points, targets, mixed), expected, rtol=1e-6)
