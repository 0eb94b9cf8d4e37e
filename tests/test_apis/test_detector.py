"""Boxes of a detector: its network computes the same with fused normalization, and thresholds are checked."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from mmcv.cnn import ConvModule
from mmdet.apis import inference_detector, init_detector
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_ext.apis.predict.detector import Detector
from mmpose_ext.apis.predict.loading import fuse_normalization
from mmpose_ext.runtime.sources import read_image


def with_statistics(model: nn.Module) -> nn.Module:
    """A network whose normalization has factors and statistics that a training could have left, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            if norm.track_running_stats:
                norm.running_mean.copy_(torch.randn(norm.num_features, generator=generator))
                norm.running_var.copy_(torch.rand(norm.num_features, generator=generator) + 0.1)
            if norm.affine:
                norm.weight.data.copy_(torch.randn(norm.num_features, generator=generator))
                norm.bias.data.copy_(torch.randn(norm.num_features, generator=generator))
    return model.eval()


BN = dict(norm_cfg=dict(type='BN'))


@pytest.mark.parametrize(
    ('options', 'fused'),
    [
        (BN, 1),
        (dict(BN, groups=4, bias=True, act_cfg=None), 1),
        (dict(BN, padding=1, padding_mode='reflect'), 1),
        (dict(BN, efficient_conv_bn_eval=True), 1),
        (dict(norm_cfg=dict(type='BN', affine=False)), 1),
        (dict(norm_cfg=dict(type='BN', track_running_stats=False)), 0),
        (dict(BN, order=('norm', 'conv', 'act')), 0),
        (dict(BN, order=('conv', 'act', 'norm')), 0),
        (dict(BN, with_spectral_norm=True), 0),
        (dict(norm_cfg=dict(type='GN', num_groups=2)), 0),
        (dict(conv_cfg=dict(type='Conv2dAdaptivePadding'), **BN), 0),
        ({}, 0),
    ],
)
def test_what_is_fused_computes_the_same(options, fused):
    model = with_statistics(nn.Sequential(ConvModule(4, 8, 3, **options), nn.ReLU(), ConvModule(8, 4, 1)))
    images = torch.randn(2, 4, 9, 7)
    with torch.no_grad():
        expected = model(images)
        assert fuse_normalization(model) == fused
        torch.testing.assert_close(model(images), expected, atol=1e-5, rtol=1e-5)


def test_a_shared_convolution_has_its_normalization_for_each_user():
    """As in the heads of RetinaSepBN and RTMDet, where each level has its own statistics."""
    levels = nn.ModuleList(ConvModule(4, 4, 3, **BN) for _ in range(3))
    for level in levels[1:]:
        level.conv = levels[0].conv
    with_statistics(levels)
    images = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        expected = [level(images) for level in levels]
        assert fuse_normalization(levels) == 3
        for level, one in zip(levels, expected, strict=True):
            torch.testing.assert_close(level(images), one, atol=1e-5, rtol=1e-5)


def test_a_network_in_training_stays_as_it_is():
    model = ConvModule(4, 4, 3, **BN)
    assert fuse_normalization(model) == 0
    assert isinstance(model.norm, nn.BatchNorm2d)


@pytest.fixture
def yolox(sample_images) -> Iterator[tuple[str, str]]:
    weights = sample_images('coco_mini').parents[1] / 'weights' / 'yolox_nano_mmdet.pth'
    if not weights.is_file():
        pytest.skip('detector not found: ../shared/weights')
    return str(weights.with_suffix('.py')), str(weights)


def test_boxes_on_real_images_are_those_of_mmdetection(sample_images, yolox):
    """Before fusing and with channels first: the same people, within rounding."""
    files = sorted((sample_images('coco_mini') / 'train2017').iterdir())[:8]
    images = [read_image(file) for file in files]
    detector = Detector(*yolox, device='cpu')
    plain = copy.copy(detector)
    with DefaultScope.overwrite_default_scope('mmdet'):
        plain.model = init_detector(*yolox, device='cpu')
        raw = inference_detector(plain.model, images[0], test_pipeline=detector._pipeline)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in plain.model.modules()) > 50
    assert not any(isinstance(module, nn.BatchNorm2d) for module in detector.model.modules())
    assert len(raw.pred_instances) > 1
    found, expected = detector(images), plain(images)
    assert sum(map(len, expected)) > 8
    for boxes, others in zip(found, expected, strict=True):
        np.testing.assert_allclose(boxes[:, :4], others[:, :4], atol=2e-3)
        np.testing.assert_allclose(boxes[:, 4], others[:, 4], atol=1e-5)
