import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmpose_ext.models.losses import HeatmapBCELoss, HeatmapCrossEntropyLoss

every_size = pytest.mark.parametrize('size', [(7, 5), (4, 7, 5)])
every_reduction = pytest.mark.parametrize('reduction', ['valid', 'batch', 'all'])
both = pytest.mark.parametrize('loss', [HeatmapCrossEntropyLoss, HeatmapBCELoss])


def maps_of(size):
    """Logits, one-hot maps with a sum of 0 without a weight, and weights."""
    logits = 3 * torch.randn(2, 3, *size)
    weights = torch.tensor([[1.0, 0.0, 0.5], [1.0, 1.0, 0.0]])
    cells = torch.randint(logits[0, 0].numel(), (2, 3))
    targets = F.one_hot(cells, logits[0, 0].numel()) * (weights > 0)[..., None]
    return logits, targets.view(logits.shape).float(), weights


def mean(errors, weights, reduction):
    divisor = {'valid': 4, 'batch': 2, 'all': 6}[reduction]
    return (errors * weights).sum() / divisor


@every_size
@every_reduction
def test_cross_entropy_is_torchs(size, reduction):
    logits, targets, weights = maps_of(size)
    cells = targets.flatten(2).argmax(-1)
    errors = F.cross_entropy(2.5 * logits.flatten(2).flatten(0, 1), cells.flatten(), reduction='none').view(2, 3)
    loss = HeatmapCrossEntropyLoss(2.5, reduction, 3.0)
    np.testing.assert_allclose(loss(logits, targets, weights), 3 * mean(errors, weights, reduction), rtol=1e-5)


@every_size
@every_reduction
def test_binary_cross_entropy_is_torchs(size, reduction):
    logits, targets, weights = maps_of(size)
    errors = F.binary_cross_entropy(logits.sigmoid(), targets, reduction='none').flatten(2).mean(-1)
    loss = HeatmapBCELoss(reduction, 3.0)
    np.testing.assert_allclose(loss(logits, targets, weights), 3 * mean(errors, weights, reduction), rtol=1e-4)


@every_size
@both
def test_it_is_lowest_where_the_maps_are_the_targets(size, loss):
    logits, targets, weights = maps_of(size)
    there = 40 * targets - 20
    assert loss()(there, targets, weights) < 1e-5
    assert loss()(there.roll(1, -1), targets, weights) > 10 / logits[0, 0].numel()
    assert loss()(logits, targets, weights) > loss()(0.5 * (logits + there), targets, weights)


@both
def test_a_map_without_weight_gets_no_gradient(loss):
    logits, targets, weights = maps_of((7, 5))
    loss()(logits.requires_grad_(), targets, weights).backward()
    assert (logits.grad.flatten(2).abs().amax(-1) > 0).equal(weights > 0)


@every_size
def test_probabilities_are_what_logits_stand_for(size):
    logits, _, _ = maps_of(size)
    np.testing.assert_allclose(HeatmapBCELoss().probabilities(logits), 1 / (1 + (-logits).exp()), rtol=1e-5)
    probabilities = HeatmapCrossEntropyLoss(2.5).probabilities(logits)
    expected = (2.5 * logits).exp() / (2.5 * logits).exp().flatten(2).sum(-1)[(..., *(None,) * len(size))]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: HeatmapCrossEntropyLoss(beta=0), r"'beta' must be a finite number > 0, got 0"),
        (lambda: HeatmapCrossEntropyLoss(reduction='sum'), r"'reduction' must be one of .*, got 'sum'"),
        (lambda: HeatmapBCELoss(reduction='sum'), r"'reduction' must be one of .*, got 'sum'"),
    ],
)
def test_bad_constructor_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@both
def test_bad_shapes(loss):
    logits, targets, weights = maps_of((7, 5))
    with pytest.raises(ValueError, match=r"'targets' must have shape \(2, 3, 7, 5\), got \(2, 3, 5, 7\)"):
        loss()(logits, targets.transpose(-1, -2), weights)
    with pytest.raises(ValueError, match=r"'weights' must have shape \(B, K\) with B=2, K=3, got shape \(2, 3, 1\)"):
        loss()(logits, targets, weights[..., None])
