import numpy as np
import pytest
import torch
from helpers import (
    can_autocast,
    make_features,
    make_samples,
    pack_targets,
    random_keypoints,
    train_on_hard_batches,
)
from mmpose import registry as mmpose_registry
from torch import nn

from mmpose_ext.models.heads import RegressionHead

INPUT, JOINTS = (96, 128), 6
CODEC = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)
SMALL = dict(in_channels=8, num_joints=JOINTS, decoder=CODEC)
L1 = dict(type='L1Loss', use_target_weight=True)  # MMPose's

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_head(**change):
    head = RegressionHead(**{**SMALL, **change})
    head.init_weights()
    return head


def make_mmpose_head(**change):
    """Pooling is MMPose's neck."""
    head = mmpose_registry.MODELS.build(dict(SMALL, type='RegressionHead', loss=L1) | change)
    neck = mmpose_registry.MODELS.build(dict(type='GlobalAveragePooling'))
    assert type(head).__module__.startswith('mmpose.')
    return head, neck


def spread(head, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return head


def batch(count=3, seed=0):
    keypoints = random_keypoints(count, JOINTS, INPUT, margin=-10, seed=seed)
    visible = (np.random.default_rng(seed).random((count, JOINTS)) < 0.7).astype(np.float32)
    visible[0, 0] = 1
    return make_features(count, 8, (3, 4), seed), make_samples(keypoints, visible, INPUT)


def points_of(predictions):
    return np.concatenate([prediction.keypoints for prediction in predictions])


# ---------------------------------------------------------------------------------------------
# MMPose's head


def test_points_loss_and_accuracy_are_mmposes():
    ours = spread(make_head(loss=L1))
    theirs, neck = make_mmpose_head()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    features, samples = batch(count=40)
    with torch.no_grad():
        np.testing.assert_allclose(ours(features), theirs(neck(features)), atol=1e-6)
        for n, sample in enumerate(samples):  # labels that some predictions come near
            points = ours(features)[n].numpy() * np.array(INPUT, np.float32)
            sample.gt_instances.transformed_keypoints = np.clip(points + 5, 0, 90).astype(np.float32)[None]
        losses, expected = ours.loss(features, samples), theirs.loss(neck(features), pack_targets(samples, CODEC))
    assert losses.keys() == expected.keys() == {'loss_kpt', 'acc_pose'}
    np.testing.assert_allclose(losses['loss_kpt'], expected['loss_kpt'], rtol=1e-5)
    np.testing.assert_allclose(losses['acc_pose'], expected['acc_pose'], rtol=1e-5)
    assert 0 < expected['acc_pose'] < 1


@pytest.mark.parametrize('test_cfg', [{}, dict(flip_test=True), dict(flip_test=True, shift_coords=False)])
def test_predictions_are_mmposes(test_cfg):
    ours = spread(make_head())
    theirs, neck = make_mmpose_head()
    theirs.load_state_dict(ours.state_dict())
    features, samples = batch()
    views = [features, make_features(3, 8, (3, 4), seed=1)] if test_cfg else features
    pooled = [neck(view) for view in views] if test_cfg else neck(views)
    with torch.no_grad():
        found, expected = ours.predict(views, samples, test_cfg), theirs.predict(pooled, samples, test_cfg)
    np.testing.assert_allclose(points_of(found), points_of(expected), atol=1e-4)
    assert all((prediction.keypoint_scores == 1).all() for prediction in found)


@pytest.mark.parametrize('prefix', ['', 'head.', 'student.head.'])
def test_checkpoints_load_both_ways(prefix):
    def nested(module):
        for name in reversed(prefix.split('.')[:-1]):
            module = nn.ModuleDict({name: module})
        return module

    ours, (theirs, neck) = make_head(), make_mmpose_head()
    nested(ours).load_state_dict(nested(spread(theirs)).state_dict(), strict=True)
    features, _ = batch()
    with torch.no_grad():
        np.testing.assert_allclose(ours(features), theirs(neck(features)), atol=1e-6)
    nested(theirs).load_state_dict(nested(spread(ours, seed=1)).state_dict(), strict=True)


def test_initialisation_is_mmposes():
    ours, (theirs, _) = RegressionHead(**SMALL), make_mmpose_head()
    for head in (ours, theirs):
        torch.manual_seed(0)
        head.init_weights()
    for (name, value), expected in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert (value == expected).all(), name


# ---------------------------------------------------------------------------------------------
# forward


def test_it_is_the_layer_on_the_mean_of_the_last_features():
    head = spread(make_head())
    features, _ = batch()
    found = head((torch.zeros(3, 5, 9, 9), *features))
    for n in range(3):
        means = [channel.mean() for channel in features[-1][n]]
        for k in range(JOINTS):
            for axis in range(2):
                row = 2 * k + axis
                expected = sum(w * m for w, m in zip(head.fc.weight[row], means, strict=True)) + head.fc.bias[row]
                np.testing.assert_allclose(found[n, k, axis].item(), expected.item(), atol=1e-6)


def test_a_neck_that_has_pooled_does_no_harm():
    head = spread(make_head())
    features, _ = batch()
    pooled = features[-1].mean((2, 3))
    for shape in (pooled, pooled[..., None, None]):
        np.testing.assert_allclose(head((shape,)).detach(), head(features).detach(), atol=1e-6)


# ---------------------------------------------------------------------------------------------
# training


def test_both_ways_of_targets_give_the_same_loss():
    head = spread(make_head())
    features, samples = batch()
    drawn, packed = head.loss(features, samples), head.loss(features, pack_targets(samples, CODEC))
    assert drawn.keys() == packed.keys() == {'loss_kpt', 'acc_pose'}
    for name in drawn:
        np.testing.assert_allclose(drawn[name].item(), packed[name].item(), rtol=1e-6)


def test_default_loss_is_the_mean_distance_of_the_labelled():
    head = spread(make_head())
    features, samples = batch()
    keypoints = np.concatenate([sample.gt_instances.transformed_keypoints for sample in samples])
    visible = np.concatenate([sample.gt_instances.keypoints_visible for sample in samples])
    counted = (visible > 0) & (keypoints >= 0).all(-1) & (keypoints <= np.array(INPUT) - 1).all(-1)
    expected = np.abs(head(features).detach().numpy() - keypoints / np.array(INPUT))[counted].mean()
    np.testing.assert_allclose(head.loss(features, samples)['loss_kpt'].item(), expected, rtol=1e-5)


def test_no_visible_joint_is_a_zero_loss_with_a_graph():
    head = spread(make_head())
    features, _ = batch()
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), np.zeros((3, JOINTS), np.float32), INPUT)
    losses = head.loss(features, samples)
    assert losses['loss_kpt'] == losses['acc_pose'] == 0
    losses['loss_kpt'].backward()
    assert all((parameter.grad == 0).all() for parameter in head.parameters())


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_unknown_keypoints_do_not_reach_the_loss(bad):
    head = spread(make_head())
    features, samples = batch()
    samples[1].gt_instances.transformed_keypoints[0, 2] = bad
    losses = head.loss(features, samples)
    samples[1].gt_instances.keypoints_visible[0, 2] = 0
    assert losses == head.loss(features, samples)


def test_accuracy_can_be_left_out():
    features, samples = batch()
    assert make_head().loss(features, samples, dict(compute_acc=False)).keys() == {'loss_kpt'}
    assert not make_head().loss(features, samples)['acc_pose'].requires_grad


@pytest.mark.parametrize('norm', ['l1', 'l2'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=['fp32', 'fp16', 'bf16'])
def test_it_trains_on_hard_features_and_without_visible_joints(norm, dtype):
    if not can_autocast(dtype):
        pytest.skip(f'this torch does not train under autocast to {dtype} on the CPU')
    head = make_head(in_channels=2, num_joints=3, loss=dict(type='mmpose_ext.CoordinateLoss', norm=norm))
    skipped = train_on_hard_batches(head, (3, 4), INPUT, dtype)
    # squares of far points have gradients that float16 does not hold
    assert skipped <= (30 if dtype == torch.float16 and norm == 'l2' else 0)


@pytest.mark.parametrize('kind', ['L1Loss', 'SmoothL1Loss', 'MSELoss', 'WingLoss'])
def test_losses_of_mmpose_under_autocast(kind):
    """Autograd refuses some of them for points and labels of two types."""
    head = spread(make_head(loss=dict(type=kind, use_target_weight=True)))
    features, samples = batch()
    expected = head.loss(features, samples)['loss_kpt'].item()
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(features, samples)['loss_kpt']
    assert loss.dtype == torch.float32
    np.testing.assert_allclose(loss.item(), expected, rtol=0.02)
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())


def test_a_few_steps_of_training_find_the_joints():
    head = make_head()
    features, samples = batch()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    first = None
    for _ in range(200):
        loss = head.loss(features, samples)['loss_kpt']
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * first


# ---------------------------------------------------------------------------------------------
# prediction


def test_flip_test_of_an_exact_network_changes_nothing():
    keypoints = random_keypoints(3, JOINTS, INPUT)
    samples = make_samples(keypoints, None, INPUT)
    swapped = keypoints[:, samples[0].metainfo['flip_indices']].copy()
    swapped[..., 0] = INPUT[0] - 1 - swapped[..., 0]
    head = make_head()
    outputs = iter([torch.from_numpy(points / np.array(INPUT, np.float32)) for points in (keypoints, swapped)])
    head.forward = lambda feats: next(outputs)
    features, _ = batch()
    predictions = head.predict([features, features], samples, dict(flip_test=True))
    np.testing.assert_allclose(points_of(predictions), keypoints, atol=1e-3)


def test_it_has_no_maps():
    features, samples = batch()
    with pytest.raises(NotImplementedError, match=r'RegressionHead has no maps; set .*output_heatmaps=False'):
        make_head().predict(features, samples, dict(output_heatmaps=True))


def test_it_can_be_traced():
    head = spread(make_head()).eval()
    first, other = make_features(2, 8, (3, 4))[0], make_features(2, 8, (3, 4), seed=1)[0]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = head

        def forward(self, feature):
            return self.head.decode_outputs(self.head.forward((feature,)))[:2]

    with torch.no_grad():
        traced = torch.jit.trace(Network(), (first,))
        expected = head.decode_outputs(head((other,)))
        for found, wanted in zip(traced(other), expected[:2], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# arguments


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (dict(in_channels=9), 'weights'),
        (dict(num_joints=JOINTS + 1), 'weights'),
        (dict(loss=dict(type='mmpose_ext.CoordinateLoss', norm='l2')), 'loss'),
        (dict(loss=dict(type='SmoothL1Loss', use_target_weight=True)), 'loss'),
        (dict(decoder=dict(CODEC, input_size=(192, 128))), 'points'),
        (dict(init_cfg=dict(type='Constant', layer='Linear', val=0.5)), 'values'),
    ],
)
def test_every_argument_changes_something(change, expected):
    plain, changed = make_head(), make_head(**change)
    assert (plain.fc.weight.shape != changed.fc.weight.shape) == (expected == 'weights')
    if expected == 'weights':
        return
    if expected == 'values':
        assert (changed.fc.weight == 0.5).all()
        return
    features, samples = batch()
    changed.load_state_dict(spread(plain).state_dict())
    if expected == 'loss':
        assert plain.loss(features, samples)['loss_kpt'] != changed.loss(features, samples)['loss_kpt']
    else:
        first, second = (points_of(head.predict(features, samples)) for head in (plain, changed))
        np.testing.assert_allclose(second, first * (2, 1), rtol=1e-5)


def test_codecs_that_do_not_fit():
    features, samples = batch()
    head = make_head(decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=INPUT, heatmap_size=(24, 32)))
    with pytest.raises(ValueError, match=r"'decoder' must be a codec that encodes 'keypoint_labels' for this"):
        head.loss(features, samples)


@pytest.mark.cuda
def test_a_training_step_does_not_wait_for_the_gpu():
    head = spread(make_head()).cuda()
    features, samples = batch()
    features = tuple(feature.cuda() for feature in features)
    head.loss(features, samples)
    torch.cuda.set_sync_debug_mode('error')
    try:
        head.loss(features, samples)['loss_kpt'].backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
