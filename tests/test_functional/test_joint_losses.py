import math

import numpy as np
import pytest
import torch

from mmpose_ext.functional import coordinate_error, heatmap_binary_cross_entropy, heatmap_cross_entropy

SIZES = [(4, 3), (2, 4, 3), (1, 1)]
low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])


def maps_of(size, dtype=torch.float64):
    """Logits and targets (B, K, ...)."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)


# ---------------------------------------------------------------------------------------------
# coordinates


@pytest.mark.parametrize('axes', [2, 3])
@pytest.mark.parametrize('norm', ['l1', 'l2'])
def test_coordinate_error_equals_a_loop(axes, norm):
    points, targets = torch.rand(2, 3, axes), torch.rand(2, 3, axes)
    errors = coordinate_error(points, targets, norm)
    for b, k in np.ndindex(2, 3):
        for axis in range(axes):
            distance = abs(points[b, k, axis].item() - targets[b, k, axis].item())
            np.testing.assert_allclose(errors[b, k, axis], distance if norm == 'l1' else distance**2, rtol=1e-5)


@pytest.mark.parametrize('norm', ['l1', 'l2'])
def test_coordinate_error_has_its_only_minimum_at_the_label(norm):
    targets = torch.rand(2, 3, 2)
    assert not coordinate_error(targets, targets, norm).any()
    steps = torch.tensor([0.01, 0.1, 0.2])
    for direction in (-1, 1):
        errors = coordinate_error(targets + direction * steps[:, None], targets, norm)
        assert (errors[:, 1:] > errors[:, :-1]).all()


@low_precision
def test_coordinate_error_in_half_precision(dtype):
    points, targets = torch.rand(2, 3, 2).to(dtype).requires_grad_(), torch.rand(2, 3, 2)
    errors = coordinate_error(points, targets)
    assert errors.dtype == torch.float32
    np.testing.assert_array_equal(errors.detach(), coordinate_error(points.detach().float(), targets))
    errors.sum().backward()
    assert points.grad.dtype == dtype


# ---------------------------------------------------------------------------------------------
# maps


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('beta', [1, 2.5])
def test_cross_entropy_equals_a_loop(size, beta):
    logits, targets = maps_of(size)
    found = heatmap_cross_entropy(logits, targets, beta)
    for index in np.ndindex(2, 3):
        values = [beta * value for value in logits[index].flatten().tolist()]
        total = math.log(sum(math.exp(value) for value in values))
        weights = targets[index].flatten().tolist()
        expected = sum(weight * (total - value) for weight, value in zip(weights, values, strict=True))
        np.testing.assert_allclose(found[index], expected, rtol=1e-10)


@pytest.mark.parametrize('size', SIZES)
def test_binary_cross_entropy_equals_a_loop(size):
    logits, targets = maps_of(size)
    found = heatmap_binary_cross_entropy(logits, targets)
    for index in np.ndindex(2, 3):
        total = 0.0
        for value, target in zip(logits[index].flatten().tolist(), targets[index].flatten().tolist(), strict=True):
            probability = 1 / (1 + math.exp(-value))
            total -= target * math.log(probability) + (1 - target) * math.log(1 - probability)
        np.testing.assert_allclose(found[index], total / math.prod(size), rtol=1e-10)


@pytest.mark.parametrize('loss', [heatmap_cross_entropy, heatmap_binary_cross_entropy])
def test_gradients_are_numerically_right(loss):
    logits, targets = maps_of((4, 3))
    assert torch.autograd.gradcheck(loss, (logits.requires_grad_(), targets))


def test_cross_entropy_is_that_of_a_classifier():
    """Every map a sample, every cell a class, as torch sees it."""
    logits, _ = maps_of((4, 3))
    cells = torch.randint(12, (2, 3))
    targets = torch.nn.functional.one_hot(cells, 12).view(2, 3, 4, 3).double()
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1).flatten(1), cells.flatten(), reduction='none')
    np.testing.assert_allclose(heatmap_cross_entropy(logits, targets).flatten(), expected)


@pytest.mark.parametrize('loss', [heatmap_cross_entropy, heatmap_binary_cross_entropy])
@pytest.mark.parametrize('scale', [1e4, -1e4])
def test_large_logits_stay_finite(loss, scale):
    logits, targets = maps_of((4, 3))
    logits = (scale * logits).float().requires_grad_()
    values = loss(logits, targets.float().round())
    assert values.isfinite().all()
    values.sum().backward()
    assert logits.grad.isfinite().all()


@low_precision
@pytest.mark.parametrize('loss', [heatmap_cross_entropy, heatmap_binary_cross_entropy])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision_is_computed_in_float32(loss, dtype, autocast):
    logits, targets = maps_of((4, 3), dtype)
    logits, targets = logits.requires_grad_(), targets.float()
    expected = loss(logits.detach().float(), targets)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        values = loss(logits, targets)
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values.detach(), expected, rtol=1e-6)
    values.sum().backward()
    assert logits.grad.dtype == dtype


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((torch.zeros(2, 3), torch.zeros(2, 3)), r"'points' must have shape \(B, K, D\), got shape \(2, 3\)"),
        ((torch.zeros(2, 3, 2), torch.zeros(2, 3, 3)), r"'targets' must have shape \(B, K, D\) with B=2, K=3, D=2"),
        ((torch.zeros(2, 3, 2), torch.zeros(2, 3, 2), 'huber'), r"'norm' must be one of 'l1', 'l2', got 'huber'"),
    ],
)
def test_bad_coordinates(arguments, message):
    with pytest.raises(ValueError, match=message):
        coordinate_error(*arguments)


@pytest.mark.parametrize('loss', [heatmap_cross_entropy, heatmap_binary_cross_entropy])
def test_bad_maps(loss):
    with pytest.raises(ValueError, match=r"'logits' must have shape \(B, K, H, W\) or .*, got shape \(2, 3, 4\)"):
        loss(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))
    # what broadcasting would let pass
    with pytest.raises(ValueError, match=r"'targets' must have shape \(2, 3, 4, 5\), got \(2, 1, 4, 5\)"):
        loss(torch.zeros(2, 3, 4, 5), torch.zeros(2, 1, 4, 5))


def test_bad_beta():
    with pytest.raises(ValueError, match=r"'beta' must be a finite number > 0, got 0"):
        heatmap_cross_entropy(*maps_of((4, 3)), beta=0)
