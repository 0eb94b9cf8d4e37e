import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from helpers import make_features, make_samples, pack_targets, random_keypoints
from mmpose import registry as mmpose_registry
from mmpose.models.heads import HeatmapHead as MMPoseHeatmapHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import nn

from mmpose_ext.models.heads import IntegralRLEHead, RLEHead

INPUT, JOINTS = (96, 128), 6
CODEC = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)
FLOW = dict(type='RealNVP', num_couplings=2, hidden_channels=8)
SMALL = dict(in_channels=8, num_joints=JOINTS, decoder=CODEC)
MAPS = dict(kind=IntegralRLEHead, deconv_out_channels=(6,), deconv_kernel_sizes=(4,))
LOSS = dict(type='mmpose_ext.RLELoss', flow=FLOW)
MMPOSES_LOSS = dict(type='RLELoss', use_target_weight=True)

# every kind of head, each a case of the tests of training
KINDS = {
    'RLE': dict(loss=LOSS),
    'Q-gaussian': dict(loss=dict(LOSS, q_distribution='gaussian')),
    'DLE': dict(loss=dict(LOSS, residual=False)),
    'basic': dict(loss=dict(LOSS, residual=False, reparameterized=False, q_distribution='gaussian')),
    'laplace': dict(loss=dict(LOSS, flow=None)),
    'gaussian': dict(loss=dict(LOSS, flow=None, q_distribution='gaussian')),
    'normalised': dict(loss=LOSS, feature_norm=True),
    'integral': dict(loss=LOSS, **MAPS),
}
every_kind = pytest.mark.parametrize('config', [pytest.param(config, id=name) for name, config in KINDS.items()])
precisions = pytest.mark.parametrize(
    'dtype', [torch.float32, torch.float16, torch.bfloat16], ids=['fp32', 'fp16', 'bf16']
)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_head(kind=RLEHead, **change):
    head = kind(**{**SMALL, **change})
    head.init_weights()
    return head


def make_mmpose_head(**change):
    """Pooling is MMPose's neck."""
    codec = dict(type='RegressionLabel', input_size=INPUT)
    head = mmpose_registry.MODELS.build(dict(SMALL, type='RLEHead', loss=MMPOSES_LOSS, decoder=codec) | change)
    neck = mmpose_registry.MODELS.build(dict(type='GlobalAveragePooling'))
    assert type(head).__module__.startswith('mmpose.')
    return head, neck


def spread(head, seed=0):
    """Weights that say something; those of the flow bend the density."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            strength = 0.15 if name.startswith('loss_module') else 0.3
            parameter.copy_(strength * torch.randn(parameter.shape, generator=generator))
    return head


def batch(count=3, seed=0, joints=JOINTS):
    keypoints = random_keypoints(count, joints, INPUT, margin=-10, seed=seed)
    visible = (np.random.default_rng(seed).random((count, joints)) < 0.7).astype(np.float32)
    visible[0, 0] = 1
    return make_features(count, 8, (3, 4), seed), make_samples(keypoints, visible, INPUT)


def field_of(predictions, name='keypoints'):
    return np.concatenate([prediction[name] for prediction in predictions])


def unit_of(samples):
    """Labels (B, K, 2) in normalized coordinates, and whether they count (B, K)."""
    keypoints = np.concatenate([sample.gt_instances.transformed_keypoints for sample in samples])
    visible = np.concatenate([sample.gt_instances.keypoints_visible for sample in samples])
    counted = (visible > 0) & (keypoints >= 0).all(-1) & (keypoints <= np.array(INPUT) - 1).all(-1)
    return keypoints / np.array(INPUT), counted


# ---------------------------------------------------------------------------------------------
# MMPose's head


@pytest.mark.parametrize('joints', [JOINTS, 2])
@pytest.mark.parametrize('loss', [dict(type='mmpose_ext.RLELoss'), MMPOSES_LOSS], ids=['our loss', 'their loss'])
def test_outputs_loss_and_accuracy_are_mmposes(loss, joints):
    """Either loss in our head; with two joints weights of a wrong shape would be multiplied all the same."""
    ours = spread(make_head(loss=loss, num_joints=joints))
    theirs, neck = make_mmpose_head(num_joints=joints)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    features, samples = batch(count=20, joints=joints)
    with torch.no_grad():
        outputs = ours(features)
        np.testing.assert_allclose(outputs, theirs(neck(features)), atol=1e-6)
        for n, sample in enumerate(samples):  # labels that some predictions come near
            points = outputs[n, :, :2].numpy() * np.array(INPUT, np.float32) + np.float32(3)
            sample.gt_instances.transformed_keypoints = points.clip(0, 90)[None]
        losses, expected = ours.loss(features, samples), theirs.loss(neck(features), pack_targets(samples, CODEC))
    assert losses.keys() == expected.keys() == {'loss_kpt', 'acc_pose'}
    np.testing.assert_allclose(losses['loss_kpt'], expected['loss_kpt'], rtol=1e-5)
    np.testing.assert_allclose(losses['acc_pose'], expected['acc_pose'], rtol=1e-5)
    assert 0 < expected['acc_pose'] < 1


@pytest.mark.parametrize('test_cfg', [{}, dict(flip_test=True), dict(flip_test=True, shift_coords=False)])
@pytest.mark.parametrize('codec', ['RegressionLabel', 'mmpose_ext.RegressionLabel'])
def test_predictions_are_mmposes(test_cfg, codec):
    """With MMPose's codec in its head and with ours."""
    ours = spread(make_head())
    theirs, neck = make_mmpose_head(decoder=dict(CODEC, type=codec))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    features, samples = batch()
    views = [features, make_features(3, 8, (3, 4), seed=1)] if test_cfg else features
    pooled = [neck(view) for view in views] if test_cfg else neck(views)
    with torch.no_grad():
        found, expected = ours.predict(views, samples, test_cfg), theirs.predict(pooled, samples, test_cfg)
    np.testing.assert_allclose(field_of(found), field_of(expected), rtol=1e-5, atol=1e-4)
    scores = field_of(found, 'keypoint_scores')
    np.testing.assert_allclose(scores, field_of(expected, 'keypoint_scores'), atol=1e-6)
    assert np.ptp(scores) > 0.01


def test_our_loss_in_mmposes_head():
    ours = spread(make_head())
    theirs, neck = make_mmpose_head(loss=dict(type='mmpose_ext.RLELoss'))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    features, samples = batch()
    expected = ours.loss(features, samples)['loss_kpt'].item()
    found = theirs.loss(neck(features), pack_targets(samples, CODEC))['loss_kpt'].item()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


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
    """That of the flow, too: small enough for a flow that hardly changes a density."""
    ours, (theirs, _) = RLEHead(**SMALL), make_mmpose_head()
    for head in (ours, theirs):
        head.init_weights()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    wanted = dict(theirs.named_parameters())
    for name, value in ours.named_parameters():
        expected = wanted[name]
        # the flows draw different numbers before, so that the values are others
        np.testing.assert_allclose(value.std(correction=0).item(), expected.std(correction=0).item(), rtol=0.4)
        np.testing.assert_allclose(value.mean().item(), 0, atol=5e-3)
    points = torch.rand(5, 2)
    np.testing.assert_allclose(ours.loss_module.flow_model(points)[0].detach(), points, atol=0.01)


# ---------------------------------------------------------------------------------------------
# forward


def test_features_are_divided_by_their_length_for_points_alone():
    """The official implementation's two layers: one on features of length 1, one on features as they are."""
    head = spread(make_head(feature_norm=True))
    features, _ = batch()
    found = head(features).detach().numpy()
    weight, bias = (tensor.detach().numpy().reshape(JOINTS, 4, -1) for tensor in (head.fc.weight, head.fc.bias))
    for n in range(3):
        feature = features[-1][n].mean((1, 2)).numpy()
        length = math.sqrt(sum(value * value for value in feature))
        for k in range(JOINTS):
            for axis in range(2):
                point = weight[k, axis] @ (feature / length) + bias[k, axis, 0]
                sigma = weight[k, 2 + axis] @ feature + bias[k, 2 + axis, 0]
                np.testing.assert_allclose(found[n, k, axis], point, atol=1e-6)
                np.testing.assert_allclose(found[n, k, 2 + axis], sigma, atol=1e-6)


@pytest.mark.parametrize('config', [{}, dict(feature_norm=True), MAPS], ids=['fc', 'normalised', 'integral'])
def test_points_keep_their_digits_under_autocast(config):
    """bfloat16 has 8 bits: half a pixel of 256."""
    head = spread(make_head(**config)).eval()
    features, _ = batch()
    features = tuple(feature.bfloat16().float() for feature in features)
    with torch.no_grad():
        expected = head(features)
        with torch.autocast('cpu', torch.bfloat16):
            found = head(features)
    assert found.dtype == torch.float32
    digits = 1e-5 if config is not MAPS else 0.01  # convolutions have the low precision
    np.testing.assert_allclose(found, expected, atol=digits)


def test_features_of_length_zero_are_the_bias():
    head = spread(make_head(feature_norm=True))
    outputs = head((torch.zeros(1, 8, 3, 4),))
    np.testing.assert_array_equal(outputs[0].detach().flatten(), head.fc.bias.detach())
    outputs.sum().backward()
    assert head.fc.weight.grad.isfinite().all()


def test_integral_mean_is_the_expectation_of_a_heat_map_heads_maps():
    """The layers of maps load from MMPose's ``HeatmapHead``; only sigmas and the flow are new."""
    head = spread(make_head(**MAPS, beta=2.0)).eval()
    maps_head = spread(MMPoseHeatmapHead(8, JOINTS, deconv_out_channels=(6,), deconv_kernel_sizes=(4,)), seed=1).eval()
    found = head.load_state_dict(maps_head.state_dict(), strict=False)
    assert not found.unexpected_keys
    assert {key.partition('.')[0] for key in found.missing_keys} == {'fc', 'loss_module'}
    features, _ = batch()
    with torch.no_grad():
        outputs, maps = head(features).numpy(), maps_head(features).double().numpy()
    assert maps.shape[2:] == (8, 6)
    for n in range(3):
        for k in range(JOINTS):
            weights = np.exp(2.0 * maps[n, k])
            weights /= weights.sum()
            expected = (weights.sum(0) @ np.arange(6) / 6, weights.sum(1) @ np.arange(8) / 8)
            np.testing.assert_allclose(outputs[n, k, :2], expected, atol=1e-5)
    pooled = features[-1].mean((2, 3)) @ head.fc.weight.T + head.fc.bias
    np.testing.assert_allclose(outputs[..., 2:], pooled.detach().view(3, JOINTS, 2), atol=1e-5)


def test_without_deconvolutions_the_features_are_the_maps_resolution():
    """The head of HRNet."""
    head = make_head(IntegralRLEHead, deconv_out_channels=None)
    assert not [*head.deconv_layers.parameters()]
    assert head.final_layer.in_channels == 8
    assert head(make_features(2, 8, (3, 4))).shape == (2, JOINTS, 4)


# ---------------------------------------------------------------------------------------------
# training


@every_kind
def test_both_ways_of_targets_give_the_same_loss(config):
    head = spread(make_head(**config)).eval()
    features, samples = batch()
    drawn, packed = head.loss(features, samples), head.loss(features, pack_targets(samples, CODEC))
    assert drawn.keys() == packed.keys() == {'loss_kpt', 'acc_pose'}
    for name in drawn:
        np.testing.assert_allclose(drawn[name].item(), packed[name].item(), rtol=1e-6)


@every_kind
def test_no_visible_joint_is_a_zero_loss_with_a_graph(config):
    head = spread(make_head(**config))
    features, _ = batch()
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), np.zeros((3, JOINTS), np.float32), INPUT)
    losses = head.loss(features, samples)
    assert losses['loss_kpt'] == losses['acc_pose'] == 0
    losses['loss_kpt'].backward()
    for name, parameter in head.named_parameters():
        assert (parameter.grad == 0).all(), name


@every_kind
def test_distributed_training_goes_on_after_a_batch_without_visible_joints(config, tmp_path):
    """DDP waits for the gradient of every parameter, and says so in the next step."""
    features, samples = batch()
    unseen = make_samples(random_keypoints(3, JOINTS, INPUT), np.zeros((3, JOINTS), np.float32), INPUT)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = spread(make_head(**config))

        def forward(self, samples):
            return self.head.loss(features, samples)['loss_kpt']

    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        network = nn.parallel.DistributedDataParallel(Network())
        losses = []
        for seen in (unseen, samples, unseen):
            losses.append(network(seen))
            losses[-1].backward()
    finally:
        dist.destroy_process_group()
    assert losses[0] == losses[2] == 0 != losses[1]


@every_kind
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_sigmas_of_any_size_leave_gradients_of_low_precision_finite(config, dtype):
    """Raw sigmas of -110 to 110 for labels that are far away, of a head whose parameters are in half precision."""
    head = spread(make_head(**config, in_channels=2)).to(dtype)
    with torch.no_grad():
        sigmas = head.fc.bias.view(JOINTS, -1)[:, -2:]
        sigmas.copy_(torch.linspace(-110, 110, JOINTS)[:, None].expand(-1, 2))
    feature = torch.randn(2, 2, 3, 2).to(dtype).requires_grad_()
    samples = make_samples(random_keypoints(2, JOINTS, INPUT), None, INPUT)
    try:
        losses = head.loss((feature,), samples)
        losses['loss_kpt'].backward()
    except RuntimeError as error:  # torch 2.1 has no convolutions in fp16 on the CPU
        pytest.skip(f'no {dtype} on the CPU: {error}')
    assert losses['loss_kpt'].isfinite()
    gradients = {name: parameter.grad for name, parameter in head.named_parameters()} | dict(feature=feature.grad)
    if (
        isinstance(head, IntegralRLEHead) and dtype == torch.float16
    ):  # its convolutions add up more than fits, in their own type
        gradients = {name: value for name, value in gradients.items() if name.startswith(('fc', 'loss_module'))}
    assert not [name for name, value in gradients.items() if not value.isfinite().all()]


@every_kind
@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_unknown_keypoints_do_not_reach_the_loss(config, bad):
    head = spread(make_head(**config)).eval()
    features, samples = batch()
    samples[1].gt_instances.transformed_keypoints[0, 2] = bad

    def loss_and_gradients():
        head.zero_grad()
        losses = head.loss(features, samples)
        losses['loss_kpt'].backward()
        return losses, [parameter.grad.clone() for parameter in head.parameters()]

    losses, gradients = loss_and_gradients()
    samples[1].gt_instances.keypoints_visible[0, 2] = 0
    expected, wanted = loss_and_gradients()
    assert losses == expected
    assert losses['loss_kpt'].isfinite()
    assert all((one == other).all() for one, other in zip(gradients, wanted, strict=True))
    assert any(gradient.any() for gradient in gradients)


@every_kind
@precisions
def test_it_trains_on_hard_features_and_without_visible_joints(config, dtype):
    """30 steps on features that grow up to 10000, every third without a visible joint."""
    head = make_head(**config, in_channels=2)
    # gradients of convolutions in float16 need a loss scaler with features above 10
    growth = 1 if isinstance(head, IntegralRLEHead) and dtype == torch.float16 else 4
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
    keypoints = random_keypoints(2, JOINTS, INPUT, margin=-10)
    seen, unseen = (make_samples(keypoints, np.full((2, JOINTS), flag, np.float32), INPUT) for flag in (1, 0))
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        features = (10 ** (growth * step / 30) * torch.randn(2, 2, 2, 2, generator=generator),)
        try:
            with torch.autocast('cpu', dtype, enabled=dtype != torch.float32):
                losses = head.loss(features, unseen if step % 3 == 2 else seen)
        except RuntimeError as error:  # torch 2.1 has no fp16 on the CPU
            pytest.skip(f'no autocast to {dtype} on the CPU: {error}')
        assert losses['loss_kpt'].isfinite(), step
        optimizer.zero_grad()
        losses['loss_kpt'].backward()
        assert all(parameter.grad.isfinite().all() for parameter in head.parameters()), step
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
    predictions = head.predict(features, seen)
    for name in ('keypoints', 'keypoint_scores', 'keypoint_sigmas'):
        assert np.isfinite(field_of(predictions, name)).all()


@every_kind
def test_a_few_steps_of_training_come_near_the_joints(config):
    head = make_head(**config)
    features, samples = batch()
    labels, counted = unit_of(samples)

    def distance():
        return np.abs(field_of(head.predict(features, samples)) / np.array(INPUT) - labels)[counted].mean()

    first = distance()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(60):
        loss = head.loss(features, samples)['loss_kpt']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert distance() < 0.5 * first
    assert loss < 0  # a density above one, and no reason to stop


class TwiceTheLoss(RLEHead):
    def losses(self, outputs, targets):
        return {name: 2 * value for name, value in super().losses(outputs, targets).items()}


@pytest.mark.parametrize(
    ('kind', 'loss'),
    [(RLEHead, LOSS), (RLEHead, dict(LOSS, use_target_weight=False)), (RLEHead, MMPOSES_LOSS), (TwiceTheLoss, LOSS)],
    ids=['ours', 'without weights', "MMPose's", "of a user's head"],
)
def test_a_step_on_two_sets_of_targets(kind, loss):
    """The losses are those against each; weights of the second are its own."""
    head = spread(make_head(kind, loss=loss))
    feats, samples = batch()
    outputs, targets = head(feats), head.targets(samples, feats[-1].device)
    others = dict(targets, keypoint_labels=targets['keypoint_labels'] + 0.1)
    others['keypoint_weights'] = 0.5 * targets['keypoint_weights'].roll(1, 1)
    step = head.step(feats, samples, more_targets=lambda given: others)
    torch.testing.assert_close(step.losses['loss_kpt'], head.losses(outputs, targets)['loss_kpt'])
    torch.testing.assert_close(step.more_losses, head.losses(outputs, others))
    assert not head.step(feats, samples).more_losses


def test_accuracy_can_be_left_out():
    features, samples = batch()
    assert make_head().loss(features, samples, dict(compute_acc=False)).keys() == {'loss_kpt'}
    assert not make_head().loss(features, samples)['acc_pose'].requires_grad


# ---------------------------------------------------------------------------------------------
# prediction


def test_basic_design_predicts_where_the_flow_takes_its_points():
    """And is trained towards it: at a label's place in latent space the prediction is the label."""
    head = spread(make_head(**KINDS['basic']))
    features, samples = batch()
    labels, _ = unit_of(samples)
    latent = head.loss_module.flow_model(torch.from_numpy(labels).float())[0].detach()
    assert (latent - torch.from_numpy(labels)).abs().max() > 0.01
    head.forward = lambda feats: torch.cat((latent, torch.zeros_like(latent)), -1)
    predictions = head.predict(features, samples)
    np.testing.assert_allclose(field_of(predictions), labels * np.array(INPUT), atol=1e-3)
    assert head.loss(features, samples)['acc_pose'] == 1


def test_flip_test_of_an_exact_network_changes_nothing():
    keypoints = random_keypoints(3, JOINTS, INPUT)
    samples = make_samples(keypoints, None, INPUT)
    swap = samples[0].metainfo['flip_indices']
    mirrored = keypoints[:, swap].copy()
    mirrored[..., 0] = INPUT[0] - 1 - mirrored[..., 0]
    raw = torch.randn(3, JOINTS, 2)
    outputs = iter(
        torch.cat((torch.from_numpy(points / np.array(INPUT, np.float32)), sigmas), -1)
        for points, sigmas in ((keypoints, raw), (mirrored, raw[:, swap]))
    )
    head = make_head()
    head.forward = lambda feats: next(outputs)
    features, _ = batch()
    predictions = head.predict([features, features], samples, dict(flip_test=True))
    np.testing.assert_allclose(field_of(predictions), keypoints, atol=1e-3)
    expected = raw.sigmoid().numpy()
    np.testing.assert_allclose(field_of(predictions, 'keypoint_scores'), 1 - expected.mean(-1), atol=1e-6)
    np.testing.assert_allclose(field_of(predictions, 'keypoint_sigmas'), expected * np.array(INPUT), rtol=1e-5)


def test_scores():
    features, samples = batch()
    predictions = spread(make_head()).predict(features, samples)
    sigmas = field_of(predictions, 'keypoint_sigmas') / np.array(INPUT)
    np.testing.assert_allclose(field_of(predictions, 'keypoint_scores'), 1 - sigmas.mean(-1), rtol=1e-5)


def test_sigmas_are_lengths_in_the_picture():
    """MMPose takes points to the image; one sigma beside a point is one sigma beside it in the image."""
    features, samples = batch()
    scale, center = np.array([150, 300], np.float32), np.array([400, 70], np.float32)
    in_the_crop = spread(make_head()).predict(features, samples)
    points, sigmas = field_of(in_the_crop), field_of(in_the_crop, 'keypoint_sigmas')
    assert sigmas.shape == (3, JOINTS, 2)
    for sample in samples:
        sample.set_metainfo(dict(input_scale=scale, input_center=center))
        sample.gt_instances.bboxes, sample.gt_instances.bbox_scores = np.zeros((1, 4)), np.ones(1)
    predictions = spread(make_head()).predict(features, samples)
    estimator = SimpleNamespace(test_cfg=dict(output_keypoint_indices=[3, 1]))
    found = TopdownPoseEstimator.add_pred_to_datasample(estimator, predictions, None, samples)
    for n, sample in enumerate(found):
        instances = sample.pred_instances
        assert instances.keypoint_sigmas.shape == (1, 2, 2)
        assert instances.keypoint_sigmas.dtype == np.float32
        beside = (points[n, [3, 1]] + sigmas[n, [3, 1]]) / np.array(INPUT) * scale + center - scale / 2
        np.testing.assert_allclose(instances.keypoints[0] + instances.keypoint_sigmas[0], beside, rtol=1e-4)


def test_points_and_sigmas_through_mmposes_estimator_with_the_flip_test():
    """Both views by hand, joint by joint, in pixels of the image."""
    backbone = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)
    head = dict(SMALL, type='mmpose_ext.RLEHead', in_channels=64, loss=LOSS)
    config = dict(type='TopdownPoseEstimator', backbone=backbone, head=head, test_cfg=dict(flip_test=True))
    model = mmpose_registry.MODELS.build(config).eval()
    spread(model.head)
    pictures = torch.randn(2, 3, INPUT[1], INPUT[0])
    samples = make_samples(random_keypoints(2, JOINTS, INPUT), None, INPUT)
    scale, center = np.array([150, 400], np.float32), np.array([400, 70], np.float32)
    for sample in samples:
        sample.set_metainfo(dict(input_scale=scale, input_center=center))
        sample.gt_instances.bboxes, sample.gt_instances.bbox_scores = np.zeros((1, 4)), np.ones(1)
    with torch.no_grad():
        found = model.predict(pictures, samples)
        views = [model.head(model.backbone(view)).double() for view in (pictures, pictures.flip(-1))]
    swap = samples[0].metainfo['flip_indices']
    for n, k in np.ndindex(2, JOINTS):
        (x, y, *raw), (mirrored_x, mirrored_y, *mirrored_raw) = views[0][n, k], views[1][n, swap[k]]
        point = np.array([(x + 1 - 1 / INPUT[0] - mirrored_x) / 2, (y + mirrored_y) / 2])
        sigma = [(one.sigmoid() + other.sigmoid()) / 2 for one, other in zip(raw, mirrored_raw, strict=True)]
        people = found[n].pred_instances
        np.testing.assert_allclose(people.keypoints[0, k], point * scale + center - scale / 2, rtol=1e-4)
        np.testing.assert_allclose(people.keypoint_sigmas[0, k], np.array(sigma) * scale, rtol=1e-4)
        np.testing.assert_allclose(people.keypoint_scores[0, k], 1 - np.mean(sigma), rtol=1e-5)


@pytest.mark.parametrize('config', [{}, MAPS], ids=['fc', 'integral'])
def test_it_can_be_traced(config):
    head = spread(make_head(**config)).eval()
    first, other = make_features(2, 8, (3, 4))[0], make_features(2, 8, (3, 4), seed=1)[0]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = head

        def forward(self, feature):
            found = self.head.decode_outputs(self.head.forward((feature,)))
            return found.points, found.scores, found.sigmas  # a trace has no None, as the covariances are

    with torch.no_grad():
        traced = torch.jit.trace(Network(), (first,))
        for found, expected in zip(traced(other), Network()(other), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_it_hands_out_no_maps():
    features, samples = batch()
    with pytest.raises(NotImplementedError, match=r'RLEHead has no maps; set .*output_heatmaps=False'):
        make_head().predict(features, samples, dict(output_heatmaps=True))


# ---------------------------------------------------------------------------------------------
# arguments


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(kind=IntegralRLEHead, beta=-1.0), r"'beta' must be .*, got -1.0"),
        (dict(dim=4), r"'dim' must be one of 2, 3, got 4"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_head(**change)


@pytest.mark.parametrize(
    'change',
    [
        dict(feature_norm=True),
        dict(kind=IntegralRLEHead, deconv_out_channels=None),
        dict(decoder=dict(CODEC, input_size=(192, 128))),
        dict(init_cfg=dict(type='Constant', layer='Linear', val=0.5)),
    ],
)
def test_every_argument_changes_something(change):
    features, samples = batch()
    plain, changed = (
        more.pop('kind', RLEHead)(**{**SMALL, **more})
        for more in (dict(init_cfg=dict(type='Constant', layer='Linear', val=0.1)), dict(change))
    )
    for head in (plain, changed):
        torch.manual_seed(0)
        head.init_weights()
    first, second = (head.predict(features, samples) for head in (plain, changed))
    assert any((field_of(first, name) != field_of(second, name)).any() for name in ('keypoints', 'keypoint_scores'))


def test_codecs_that_do_not_fit():
    features, samples = batch()
    head = make_head(decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=INPUT, heatmap_size=(24, 32)))
    with pytest.raises(
        ValueError, match=r"'decoder' must be a codec that encodes 'keypoint_labels' for this head, got"
    ):
        head.loss(features, samples)


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
@every_kind
def test_a_training_step_does_not_wait_for_the_gpu(config):
    head = spread(make_head(**config)).cuda()
    features, samples = batch()
    features = tuple(feature.cuda() for feature in features)
    head.loss(features, samples)['loss_kpt'].backward()  # the first step may load kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        head.loss(features, samples)['loss_kpt'].backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
