import numpy as np
import pytest
import torch
from helpers import network_like_maps
from mmpose.evaluation.functional import keypoint_pck_accuracy, pose_pck_accuracy

from mmpose_ext.functional import heatmap_pck, pck


@pytest.mark.parametrize('threshold', [0.02, 0.05, 0.2])
def test_equal_to_mmpose(threshold):
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 40, (16, 9, 2)).astype(np.float32)
    points = target + rng.normal(0, 4, target.shape).astype(np.float32)
    valid = rng.random((16, 9)) < 0.7
    valid[:, 4] = False  # a joint that no image shows does not count
    _, expected, count = keypoint_pck_accuracy(points, target, valid, threshold, np.full((16, 2), (64.0, 48.0)))
    result = pck(*map(torch.from_numpy, (points, target, valid)), (64, 48), threshold)
    assert count == 8
    assert 0 < expected < 1
    assert (result.dtype, result.shape) == (torch.float32, ())
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize('size', [(48, 64), (30, 30), (13, 50)])
def test_maps_equal_to_mmpose(size):
    target, _ = network_like_maps(60, size, noise=0.0, seed=0)
    rng = np.random.default_rng(1)
    output = torch.stack([heatmap.roll(tuple(rng.integers(-5, 6, 2).tolist()), (0, 1)) for heatmap in target])
    output, target = output.view(10, 6, *size[::-1]), target.view(10, 6, *size[::-1])
    valid = rng.random((10, 6)) < 0.8
    _, expected, _ = pose_pck_accuracy(output.numpy(), target.numpy(), valid)
    assert 0 < expected < 1
    np.testing.assert_allclose(heatmap_pck(output, target, torch.from_numpy(valid)), expected, rtol=1e-6)


def test_nan_is_wrong():
    target = torch.full((2, 2, 2), 5.0)
    points = target.clone()
    points[0, 0, 1] = float('nan')
    assert pck(points, target, torch.ones(2, 2, dtype=torch.bool), (10, 10)) == 0.75


def test_nothing_valid_is_zero():
    points = torch.zeros(3, 4, 2)
    result = pck(points, points, torch.zeros(3, 4, dtype=torch.bool), (10, 10))
    assert result == 0
    assert heatmap_pck(torch.rand(3, 4, 8, 8), torch.rand(3, 4, 8, 8), torch.zeros(3, 4, dtype=torch.bool)) == 0


def test_scale_is_per_axis():
    target, points = torch.zeros(1, 1, 2), torch.tensor([[[3.0, 0.0]]])
    valid = torch.ones(1, 1, dtype=torch.bool)
    assert pck(points, target, valid, (100, 10), 0.05) == 1
    assert pck(points, target, valid, (10, 100), 0.05) == 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    points, target = torch.rand(5, 3, 2) * 10, torch.rand(5, 3, 2) * 10
    valid = torch.ones(5, 3, dtype=torch.bool)
    result = pck(points.to(dtype), target.to(dtype), valid, (10, 10), 0.5)
    expected = pck(points.to(dtype).float(), target.to(dtype).float(), valid, (10, 10), 0.5)
    assert result == expected
    assert result.dtype == torch.float32


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(points=torch.zeros(2, 3)), r"'points' must have shape \(B, K, 2\), got shape \(2, 3\)"),
        (dict(targets=torch.zeros(2, 4, 2)), r"'targets' must have shape \(B, K, 2\) with B=2, K=3"),
        (dict(valid=torch.ones(3, 2, dtype=torch.bool)), r"'valid' must have shape \(B, K\) with B=2, K=3"),
    ],
)
def test_bad_shapes(change, message):
    arguments = dict(
        points=torch.zeros(2, 3, 2),
        targets=torch.zeros(2, 3, 2),
        valid=torch.ones(2, 3, dtype=torch.bool),
        scale=(9, 9),
    )
    with pytest.raises(ValueError, match=message):
        pck(**arguments | change)
