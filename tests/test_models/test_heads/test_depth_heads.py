"""Heads of three axes: integral regression over volumes, direct regression and RLE."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, pack_targets, random_keypoints
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import TopdownPoseEstimator

from mmpose_ext.codecs import Keypoints
from mmpose_ext.functional import soft_argmax
from mmpose_ext.models.heads import IntegralHead3D, RegressionHead, RLEHead

INPUT, HEATMAP, CELLS, RANGE, JOINTS = (96, 128), (24, 32), 10, 2000.0, 4
NAN = float('nan')
L1 = dict(type='mmpose_ext.CoordinateLoss', reduction='batch')
MSE = dict(type='mmpose_ext.VolumeMSELoss', reduction='batch')
CE = dict(type='mmpose_ext.VolumeCrossEntropyLoss', reduction='batch')
SMALL_FLOW = dict(type='RealNVP', num_couplings=2, hidden_channels=8)
RLE = dict(type='mmpose_ext.RLELoss', flow=dict(SMALL_FLOW, dim=3), flow_2d=SMALL_FLOW)


def label(heatmap_type=None, **change):
    sizes = dict(input_size=INPUT, heatmap_size=HEATMAP, depth_size=CELLS, depth_range=RANGE)
    return dict(type='mmpose_ext.IntegralLabel', heatmap_type=heatmap_type, **sizes, **change)


PLAIN = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT, depth_range=RANGE)
# a head without layers: the features are the logits
BARE = dict(in_channels=JOINTS * CELLS, out_channels=JOINTS, deconv_out_channels=None, final_layer=None)
DECONV = dict(in_channels=8, out_channels=JOINTS, deconv_out_channels=(10,), deconv_kernel_sizes=(4,))
VOLUME = dict(depth_size=CELLS)
VARIANTS = {
    'I': (IntegralHead3D, dict(DECONV, **VOLUME, loss_coord=L1, decoder=label())),
    'I debias': (IntegralHead3D, dict(DECONV, **VOLUME, loss_coord=L1, beta=10.0, debias=True, decoder=label())),
    'H1': (IntegralHead3D, dict(DECONV, **VOLUME, loss_heatmap=MSE, decoder=label('gaussian', decoding='shift'))),
    'H2': (IntegralHead3D, dict(DECONV, **VOLUME, loss_heatmap=CE, decoder=label('one_hot', decoding='shift'))),
    'both': (IntegralHead3D, dict(DECONV, **VOLUME, loss_coord=L1, loss_heatmap=CE, decoder=label('one_hot'))),
    'R1': (RegressionHead, dict(in_channels=8, num_joints=JOINTS, dim=3, loss=L1, decoder=PLAIN)),
    'RLE': (RLEHead, dict(in_channels=8, num_joints=JOINTS, dim=3, loss=RLE, decoder=PLAIN)),
}
each_variant = pytest.mark.parametrize('variant', VARIANTS)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_head(variant, seed=0, std=0.3, **change):
    """A head with random weights of ordinary size."""
    kind, config = VARIANTS[variant]
    head = kind(**config | change)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(std * torch.randn(parameter.shape, generator=generator))
    return head.eval()


def bare_head(variant, **change):
    return IntegralHead3D(**VARIANTS[variant][1] | BARE | change).eval()


def people(count=4, deep=None, seed=0):
    """Keypoints (B, K, 3) with depth where ``deep`` (B,) says so."""
    depths = np.random.default_rng(seed).uniform(-900, 900, (count, JOINTS, 1)).astype(np.float32)
    keypoints = np.concatenate((random_keypoints(count, JOINTS, INPUT, margin=5, seed=seed), depths), -1)
    if deep is not None:
        keypoints[~np.asarray(deep), :, 2] = np.nan
    return keypoints


def batch(count=4, deep=(True, False, True, False)):
    return make_features(count, 8, (12, 16)), make_samples(people(count, deep), None, INPUT)


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def points_of(predictions, name='keypoints'):
    return np.concatenate([prediction[name] for prediction in predictions])


# ---------------------------------------------------------------------------------------------
# volumes


def test_channels_are_the_released_programs(reference):
    """K * D channels, joint by joint, and the official implementation's coordinates, through forward and decode."""
    arrays = reference('integral_3d')
    maps, coords = torch.from_numpy(arrays['heatmaps']), arrays['coords']
    count, joints = coords.shape[:2]
    cells, (height, width) = maps.shape[1] // joints, maps.shape[2:]
    codec = label() | dict(input_size=(4 * width, 8 * height), heatmap_size=(width, height), depth_size=cells)
    head = bare_head('I', out_channels=joints, in_channels=maps.shape[1], depth_size=cells, decoder=codec)
    outputs = head((maps,))
    assert outputs.shape == (count, joints, cells, height, width)
    found = head.decode_outputs(outputs).points
    expected = (coords + np.array((0.5, 0.5, 0))) * (4 * width, 8 * height, RANGE)
    np.testing.assert_allclose(found, expected, atol=0.02)  # pixels and millimeters
    assert np.ptp(expected[..., 2]) > 100


def test_a_layer_has_k_times_d_channels():
    head = IntegralHead3D(**VARIANTS['I'][1])
    assert head.final_layer.out_channels == JOINTS * CELLS
    assert head.out_channels == JOINTS
    assert head(make_features(2, 8, (12, 16))).shape == (2, JOINTS, CELLS, 32, 24)


@pytest.mark.parametrize('score', ['mass', 'spread', 'peak'])
def test_xy_is_what_a_map_summed_over_depth_gives(score):
    head = bare_head('I', score=score)
    (maps,) = make_features(2, JOINTS * CELLS, HEATMAP)
    points, scores, *_ = head.decode_outputs(head((maps,)), normalized=True)
    flat = maps.view(2, JOINTS, CELLS, *reversed(HEATMAP)).logsumexp(2)
    np.testing.assert_allclose(points[..., :2], soft_argmax(flat) / torch.tensor(HEATMAP), atol=1e-5)
    assert ((scores > 0) & (scores <= 1)).all()
    np.testing.assert_allclose(head.heatmaps(head((maps,))), flat.flatten(2).softmax(-1).view(flat.shape), atol=1e-6)


@pytest.mark.parametrize(
    ('variant', 'decoding'), [('H1', 'argmax'), ('H1', 'shift'), ('H2', 'argmax'), ('H2', 'shift')]
)
def test_maxima_of_volumes_are_found_on_all_axes(variant, decoding):
    head = bare_head(variant, decoder=VARIANTS[variant][1]['decoder'] | dict(decoding=decoding))
    samples = make_samples(people(), None, INPUT)
    cells = people() / (4, 4, RANGE / CELLS) + (0, 0, CELLS / 2)
    axes = [np.exp(-((np.arange(side) - cells[..., axis, None]) ** 2) / 2) for axis, side in enumerate((24, 32, CELLS))]
    volumes = np.einsum('bkx,bky,bkz->bkzyx', *axes)
    volumes = volumes if variant == 'H1' else np.log(volumes + 1e-6)
    predictions = head.predict((torch.from_numpy(volumes).float().flatten(1, 2),), samples)
    error = np.abs(points_of(predictions) - people()) / (4, 4, RANGE / CELLS)
    assert error.max() <= (0.5 if decoding == 'argmax' else 0.75) + 1e-3  # of a cell; no shift beside the border
    assert error.mean() < (0.3 if decoding == 'argmax' else 0.2)
    maps = head.predict((torch.from_numpy(volumes).float().flatten(1, 2),), samples, dict(output_heatmaps=True))[1]
    highest = np.stack([field.heatmaps.numpy() for field in maps]).reshape(4, JOINTS, -1).argmax(-1)
    np.testing.assert_array_equal(highest, np.round(cells[..., 1]) * 24 + np.round(cells[..., 0]))


# ---------------------------------------------------------------------------------------------
# joints with and without depth


@each_variant
def test_a_mixed_batch_is_the_sum_of_what_its_halves_give(variant):
    """With losses divided by the number of samples; and so are the gradients."""
    features, samples = batch()
    head = make_head(variant)
    found = total(head.loss(features, samples))
    found.backward()
    gradients = [parameter.grad.clone() for parameter in head.parameters()]
    head.zero_grad()
    expected = 0.0
    for part in ([0, 2], [1, 3]):
        loss = 0.5 * total(head.loss((features[0][part],), [samples[n] for n in part]))
        loss.backward()
        expected += loss.item()
    np.testing.assert_allclose(found.item(), expected, rtol=1e-5)
    for one, (name, parameter) in zip(gradients, head.named_parameters(), strict=True):
        np.testing.assert_allclose(one, parameter.grad, rtol=1e-3, atol=1e-5 * one.abs().max(), err_msg=name)


@each_variant
def test_a_batch_may_mix_samples_of_two_and_three_columns(variant):
    features, samples = batch()
    head = make_head(variant)
    expected = head.loss(features, samples)
    for n in (1, 3):
        points = samples[n].gt_instances.transformed_keypoints
        samples[n].gt_instances.transformed_keypoints = points[..., :2]
    found = head.loss(features, samples)
    assert found == expected
    assert total(found).isfinite()


@pytest.mark.parametrize('variant', ['R1', 'RLE'])
def test_without_depth_nothing_of_depth_is_trained(variant):
    features, samples = batch(deep=(False,) * 4)
    head = make_head(variant)
    head.loss(features, samples)['loss_kpt'].backward()
    rows = head.fc.weight.grad.view(JOINTS, -1, 3, 8)  # x, y, z (and their sigmas) of each joint
    assert (rows[:, :, 2] == 0).all()
    assert (rows[:, :, :2] != 0).any(-1).all()


@pytest.mark.parametrize('variant', ['I', 'H1', 'H2', 'both'])
def test_without_depth_a_volume_is_trained_as_its_map(variant):
    """The expectation's z has no gradient; nothing prefers a cell of a column to another."""
    head = bare_head(variant)
    logits = make_features(2, JOINTS * CELLS, HEATMAP)[0].requires_grad_()
    losses = head.loss((logits,), make_samples(people(2, (False, False)), None, INPUT))
    total(losses).backward()
    assert total(losses).isfinite()
    gradient = logits.grad.view(2, JOINTS, CELLS, *reversed(HEATMAP))
    if variant != 'H1':  # whose cells are not probabilities
        gradient = gradient / logits.detach().view(gradient.shape).softmax(2)
    np.testing.assert_allclose(gradient, gradient[:, :, :1].expand_as(gradient), rtol=1e-3, atol=1e-9)
    assert gradient.abs().amax() > 0
    if 'loss_coord' in losses:
        outputs = head.postprocess(head((logits.detach().requires_grad_(),)))
        outputs.points.retain_grad()
        targets = head.targets(make_samples(people(2, (False, False)), None, INPUT), logits.device)
        head.losses(outputs, targets)['loss_coord'].backward()
        assert (outputs.points.grad[..., 2] == 0).all()


@each_variant
def test_a_depth_beyond_the_box_is_one_that_is_not_known(variant):
    features, samples = batch(deep=(True,) * 4)
    head = make_head(variant)
    samples[1].gt_instances.transformed_keypoints[0, :, 2] = 5 * RANGE
    expected = head.loss(features, samples)
    samples[1].gt_instances.transformed_keypoints[0, :, 2] = NAN
    assert head.loss(features, samples) == expected


@each_variant
def test_both_ways_of_targets_give_the_same_loss(variant):
    features, samples = batch()
    head = make_head(variant)
    codec = VARIANTS[variant][1]['decoder']
    drawn, packed = head.loss(features, samples), head.loss(features, pack_targets(samples, codec))
    assert drawn.keys() == packed.keys()
    for name in drawn:
        np.testing.assert_allclose(drawn[name].item(), packed[name].item(), rtol=1e-6)


@pytest.mark.parametrize('head_type', [RegressionHead, RLEHead])
def test_heads_of_two_axes_train_on_samples_with_depth(head_type):
    features, samples = batch()
    head = head_type(8, JOINTS, decoder=dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)).eval()
    found = head.loss(features, samples)
    for sample in samples:
        sample.gt_instances.transformed_keypoints = sample.gt_instances.transformed_keypoints[..., :2]
    assert head.loss(features, samples) == found


@each_variant
def test_a_few_steps_find_joints_and_depths_that_only_some_samples_have(variant):
    """Features that can be learned stand in for a network."""
    keypoints = people(4)
    hidden = keypoints.copy()
    hidden[1::2, :, 2] = NAN
    kind, config = VARIANTS[variant]
    bare = kind is IntegralHead3D
    head = bare_head(variant) if bare else kind(**config)
    torch.manual_seed(0)
    features = 0.01 * torch.randn(4, JOINTS * CELLS, 32, 24) if bare else torch.randn(4, 8, 2, 2)
    features.requires_grad_()
    head.init_weights()
    optimizer = torch.optim.Adam([features, *head.parameters()], lr=0.3 if bare else 0.03)
    for _ in range(150 if bare else 400):
        loss = total(head.loss((features,), make_samples(hidden, None, INPUT)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = points_of(head.eval().predict((features,), make_samples(hidden, None, INPUT)))
    error = np.abs(found - keypoints)
    assert error[..., :2].mean() < 4  # pixels, a cell of the map
    assert error[::2, :, 2].mean() < 0.6 * RANGE / CELLS  # millimeters, a cell on depth
    assert np.isfinite(found).all()


# ---------------------------------------------------------------------------------------------
# prediction


@each_variant
def test_prediction_is_in_pixels_of_the_picture_and_millimetres(variant):
    """MMPose's estimator moves x and y from the crop to the image, and nothing else."""
    features, samples = batch()
    head = make_head(variant)
    crop = points_of(head.predict(features, samples))
    scale, center = np.array([150, 300], np.float32), np.array([400, 70], np.float32)
    for sample in samples:
        sample.set_metainfo(dict(input_scale=scale, input_center=center, input_size=INPUT))
        sample.gt_instances = InstanceData(
            bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1), **dict(sample.gt_instances.items())
        )
    predictions = head.predict(features, samples)
    sigmas = [p.keypoint_sigmas.copy() for p in predictions] if variant == 'RLE' else None
    found = TopdownPoseEstimator.add_pred_to_datasample(SimpleNamespace(test_cfg={}), predictions, None, samples)
    picture = np.concatenate([sample.pred_instances.keypoints for sample in found])
    assert picture.shape == (4, JOINTS, 3)
    np.testing.assert_allclose(picture[..., :2], crop[..., :2] / INPUT * scale + center - scale / 2, rtol=1e-4)
    np.testing.assert_array_equal(picture[..., 2], crop[..., 2])
    if sigmas is not None:
        raw = head(features)[..., 3:].sigmoid().detach().numpy()
        np.testing.assert_allclose(np.concatenate(sigmas), raw * (*scale, RANGE), rtol=1e-4)
        scores = points_of(predictions, 'keypoint_scores')
        np.testing.assert_allclose(scores, 1 - raw.mean(-1), rtol=1e-4)


@each_variant
def test_a_mirror_leaves_depth_alone(variant):
    """An exact network, which sees the mirrored person mirrored, keeps its answer in the flip test."""
    keypoints = people()
    samples = make_samples(keypoints, None, INPUT)
    mirrored = keypoints[:, samples[0].metainfo['flip_indices']].copy()
    mirrored[..., 0] = INPUT[0] - 1 - mirrored[..., 0]
    head = make_head(variant)
    views = []
    for points in (keypoints, mirrored):
        normalized = torch.from_numpy(points / (*INPUT, RANGE) + (0, 0, 0.5)).float()
        if variant in ('H1', 'H2'):
            continue
        sigmas = torch.zeros_like(normalized) if variant == 'RLE' else None
        views.append(Keypoints(normalized, torch.ones(4, JOINTS), sigmas))
    if views:
        answers = iter(views)
        head.codec_inputs = lambda outputs: next(answers)
    else:
        # maxima: the mean of volumes, of which the mirrored one is turned on x alone
        volume = torch.rand(4, JOINTS, CELLS, 32, 24)
        swapped = volume[:, samples[0].metainfo['flip_indices']].flip(-1)
        np.testing.assert_allclose(head.average_flip(volume, swapped, samples[0].metainfo['flip_indices'], {}), volume)
        return
    features, _ = batch()
    predictions = head.predict([features, features], samples, dict(flip_test=True))
    np.testing.assert_allclose(points_of(predictions), keypoints, atol=1e-2)


# ---------------------------------------------------------------------------------------------
# the rest


@each_variant
def test_runs_on_the_meta_device(variant):
    kind, config = VARIANTS[variant]
    with torch.device('meta'):
        head = kind(**config)
        outputs = head((torch.empty(2, 8, 12, 16),))
    assert outputs.is_meta and outputs.shape[:2] == (2, JOINTS)


def test_released_rle_has_two_flows_by_default():
    head = RLEHead(8, JOINTS, dim=3, decoder=PLAIN)
    assert (head.loss_module.flow_model.dim, head.loss_module.flow_model_2d.dim) == (3, 2)
    assert head.fc.out_features == JOINTS * 6
    assert not any('flow_model_2d' in name for name in RLEHead(8, JOINTS).state_dict()), 'MMPose has one'


@pytest.mark.parametrize(
    ('variant', 'change', 'message'),
    [
        ('I', dict(depth_size=5), r"'depth_size' must be that of the codec, 10, got 5"),
        ('I', dict(decoder=dict(PLAIN, depth_range=None)), r"'decoder' must be a codec of 3 axes .*RegressionLabel"),
        (
            'H1',
            dict(decoder=label('gaussian', decoding='dark')),
            r"'decoding' must be one of 'integral', 'argmax', 'shift', got 'dark'",
        ),
        (
            'H1',
            dict(loss_heatmap=dict(type='KeypointMSELoss')),
            r"'loss_heatmap' must be VolumeMSELoss or .*Keyp",
        ),
        ('R1', dict(dim=2), r"'decoder' must be a codec of 2 axes with this 'dim' .*depth_range=2000.0"),
        ('R1', dict(dim=4), r"'dim' must be one of 2, 3, got 4"),
    ],
)
def test_parts_that_do_not_fit(variant, change, message):
    kind, config = VARIANTS[variant]
    with pytest.raises(ValueError, match=message):
        kind(**config | change)


@pytest.mark.parametrize('variant', ['I', 'R1'])
def test_losses_of_mmpose_take_weights_of_axes(variant):
    """A mean over everything, as ours with reduction='all'."""
    features, samples = batch()
    name = 'loss_coord' if variant == 'I' else 'loss'
    values = []
    for loss in (dict(type='L1Loss', use_target_weight=True), dict(L1, reduction='all')):
        values.append(total(make_head(variant, **{name: loss}).loss(features, samples)).item())
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)
