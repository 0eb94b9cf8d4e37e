"""Models of 16 bits predict."""

import numpy as np
import pytest
import torch
from helpers import make_samples, random_keypoints
from mmengine.config import ConfigDict

from mmpose_ext.models.utils import GatheredSamples
from mmpose_ext.registry import MODELS

COLORS = dict(mean=[120.0, 110.0, 100.0], std=[60.0, 58.0, 56.0], bgr_to_rgb=True)


def estimator(head):
    backbone = dict(
        type='ResNet', depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,), base_channels=8
    )
    model = MODELS.build(
        ConfigDict(
            dict(
                type='TopdownPoseEstimator',
                data_preprocessor=dict(type='mmpose_ext.PoseDataPreprocessor', **COLORS),
                backbone=dict(backbone, stem_channels=8),
                head=head,
                test_cfg=dict(flip_test=True, flip_mode='heatmap'),
            )
        )
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


HEADS = dict(
    heatmap=dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=8,
        out_channels=4,
        deconv_out_channels=None,
        decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=(48, 64), heatmap_size=(12, 16)),
    ),
    rle=dict(
        type='mmpose_ext.RLEHead',
        in_channels=8,
        num_joints=4,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=(48, 64)),
    ),
)


def predicted(model):
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    samples = make_samples(random_keypoints(2, 4, (48, 64)), input_size=(48, 64))
    for sample in samples:
        sample.set_metainfo(
            dict(
                input_center=np.array([24.0, 32.0], np.float32),
                input_scale=np.array([48.0, 64.0], np.float32),
            )
        )
        sample.gt_instances.bboxes = np.array([[0.0, 0, 48, 64]])
        sample.gt_instances.bbox_scores = np.ones(1)
    with torch.no_grad():
        found = model.test_step(dict(inputs=list(images), data_samples=samples))
    return np.stack([one.pred_instances.keypoints for one in found])


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_models_of_16_bits_predict_about_the_same(mmpose_scope, head, dtype):
    model = estimator(HEADS[head])
    expected = predicted(model)
    found = predicted(model.to(dtype))
    assert found.dtype == np.float32
    # most maxima stay where they are; a flat map may have another one
    assert np.median(np.abs(found - expected)) < 1


def test_images_are_those_of_mmpose_in_the_type_of_the_model(mmpose_scope):
    images = torch.randint(0, 256, (2, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    samples = make_samples(random_keypoints(2, 4, (6, 8)), input_size=(6, 8))
    ours, theirs = (
        MODELS.build(dict(type=f'{scope}.PoseDataPreprocessor', **COLORS)) for scope in ('mmpose_ext', 'mmpose')
    )
    expected = theirs(dict(inputs=list(images), data_samples=samples))['inputs']
    assert torch.equal(ours(dict(inputs=list(images), data_samples=samples))['inputs'], expected)
    half = ours.half()(dict(inputs=list(images), data_samples=samples))['inputs']
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), expected, atol=2e-2, rtol=0)


def test_whole_numbers_are_numbers_too(mmpose_scope):
    """As in the hourglass's configs: a mean of 0, a standard deviation of 255."""
    image = torch.full((3, 8, 6), 51, dtype=torch.uint8)
    samples = make_samples(random_keypoints(1, 4, (6, 8)), input_size=(6, 8))
    ours = MODELS.build(dict(type='mmpose_ext.PoseDataPreprocessor', mean=[0, 0, 0], std=[255, 255, 255]))
    for dtype in (torch.float32, torch.bfloat16):
        inputs = ours.to(dtype)(dict(inputs=[image], data_samples=samples))['inputs']
        assert inputs.dtype == dtype
        assert inputs.mean().item() == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize('training', [True, False])
def test_samples_are_gathered_in_training_if_asked(training):
    data = dict(
        inputs=[torch.zeros(3, 8, 8, dtype=torch.uint8)], data_samples=make_samples(random_keypoints(1, 2, (8, 8)))
    )
    for asked in (True, False):
        preprocessor = MODELS.build(dict(type='mmpose_ext.PoseDataPreprocessor', **COLORS, gather_samples=asked))
        samples = preprocessor(data, training)['data_samples']
        assert isinstance(samples, GatheredSamples) is (asked and training)
        assert len(samples) == 1
