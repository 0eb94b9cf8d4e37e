import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, random_keypoints
from mmengine.structures import InstanceData, PixelData
from mmpose import registry as mmpose_registry
from torch import nn

from mmpose_ext.codecs import DarkHeatmap, Keypoints
from mmpose_ext.models.heads import BaseHead, HeatmapHead

INPUT, HEATMAP, JOINTS = (96, 128), (24, 32), 6
CODEC = dict(type='mmpose_ext.DarkHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=1.5, blur_kernel_size=7)
SMALL = dict(in_channels=8, out_channels=JOINTS, deconv_out_channels=(10,), deconv_kernel_sizes=(4,), decoder=CODEC)
WITHOUT_DECONV = dict(deconv_out_channels=None, deconv_kernel_sizes=None)
WITH_CONV = dict(conv_out_channels=(9, 7), conv_kernel_sizes=(3, 1))
EVEN_CONV = dict(conv_out_channels=(9,), conv_kernel_sizes=(2,))

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_head(**change):
    head = HeatmapHead(**{**SMALL, **change})
    head.init_weights()
    return head


def make_mmpose_head(codec=CODEC, **change):
    config = {**SMALL, **change, 'type': 'HeatmapHead', 'decoder': codec}
    return mmpose_registry.MODELS.build(
        dict(loss=dict(type='KeypointMSELoss', use_target_weight=True)) | dict(config.items())
    )


def spread(head, seed=0):
    """Random weights of ordinary size: with the initial ones every map is nearly flat."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return head


def batch(count=3, joints=JOINTS, feature_size=(12, 16), seed=0):
    keypoints = random_keypoints(count, joints, INPUT, margin=-10, seed=seed)
    visible = (np.random.default_rng(seed).random((count, joints)) < 0.7).astype(np.float32)
    visible[0, 0] = 1
    return make_features(count, 8, feature_size, seed), make_samples(keypoints, visible, INPUT)


def pack(samples, codec=CODEC):
    """The same samples as a pipeline with GenerateTarget leaves them: with targets, without transformed keypoints."""
    packed = []
    for sample in samples:
        encoded = DarkHeatmap(**{name: value for name, value in codec.items() if name != 'type'}).encode(
            sample.gt_instances.transformed_keypoints, sample.gt_instances.keypoints_visible
        )
        other = sample.clone()
        other.gt_instances = InstanceData(keypoints_visible=sample.gt_instances.keypoints_visible)
        other.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        other.gt_instance_labels = InstanceData(keypoint_weights=torch.from_numpy(encoded['keypoint_weights']))
        packed.append(other)
    return packed


def points_of(predictions):
    return np.concatenate([prediction.keypoints for prediction in predictions])


# ---------------------------------------------------------------------------------------------
# training


@pytest.mark.parametrize('encoding', ['unbiased', 'biased'])
def test_both_ways_of_targets_give_the_same_loss(encoding):
    codec = dict(CODEC, encoding=encoding)
    head = spread(make_head(decoder=codec)).eval()
    features, samples = batch()
    drawn, packed = head.loss(features, samples), head.loss(features, pack(samples, codec))
    assert drawn.keys() == packed.keys() == {'loss_kpt', 'acc_pose'}
    np.testing.assert_allclose(drawn['loss_kpt'].item(), packed['loss_kpt'].item(), rtol=1e-6)
    assert drawn['acc_pose'] == packed['acc_pose']


def test_loss_and_accuracy_are_mmposes():
    ours, theirs = spread(make_head()).eval(), make_mmpose_head().eval()
    theirs.load_state_dict(ours.state_dict())
    features, samples = batch(count=16)
    with torch.no_grad():  # a network that finds some joints
        ours.forward = theirs.forward = lambda feats: (
            torch.stack([sample.gt_fields.heatmaps for sample in pack(samples)]).roll(1, -1)
            + 0.02 * torch.rand(16, JOINTS, 32, 24, generator=torch.Generator().manual_seed(0))
        )
    losses, expected = ours.loss(features, samples), theirs.loss(features, pack(samples))
    np.testing.assert_allclose(losses['loss_kpt'], expected['loss_kpt'], rtol=1e-6)
    np.testing.assert_allclose(losses['acc_pose'], expected['acc_pose'], rtol=1e-6)
    assert 0 < expected['acc_pose'] < 1


def test_loss_is_the_weighted_mean_square():
    head = spread(make_head()).eval()
    features, samples = batch()
    encoded = head.decoder.encode_batch(
        torch.cat([torch.from_numpy(sample.gt_instances.transformed_keypoints) for sample in samples]),
        torch.cat([torch.from_numpy(sample.gt_instances.keypoints_visible) for sample in samples]),
    )
    square = (head.forward(features) - encoded['heatmaps']) ** 2
    expected = (square * encoded['keypoint_weights'][..., None, None]).mean()
    np.testing.assert_allclose(head.loss(features, samples)['loss_kpt'].item(), expected.item(), rtol=1e-6)


@pytest.mark.parametrize('way', ['drawn', 'packed'])
@pytest.mark.parametrize('weight', [0, 0.25, 1.0])
def test_joints_without_a_label_have_maps_of_zeros_with_a_weight(weight, way):
    """Also where a label lies beyond the map; the accuracy does not count them."""
    head, plain = (spread(make_head(unlabeled_weight=value)).eval() for value in (weight, 0))
    features, samples = batch()
    samples[0].gt_instances.transformed_keypoints[0, 0] = 10000
    assert samples[0].gt_instances.keypoints_visible[0, 0] == 1
    encoded = head.decoder.encode_batch(
        torch.cat([torch.from_numpy(sample.gt_instances.transformed_keypoints) for sample in samples]),
        torch.cat([torch.from_numpy(sample.gt_instances.keypoints_visible) for sample in samples]),
    )
    expected = []
    for maps, targets, labels in zip(head.forward(features), *encoded.values(), strict=True):
        for drawn, target, label in zip(maps, targets, labels, strict=True):
            expected.append(((drawn - target) ** 2).mean() if label else weight * (drawn**2).mean())
    found, other = (one.loss(features, pack(samples) if way == 'packed' else samples) for one in (head, plain))
    np.testing.assert_allclose(found['loss_kpt'].item(), torch.stack(expected).mean().item(), rtol=1e-5)
    assert (found['loss_kpt'] > other['loss_kpt']) == (weight > 0)
    assert found['acc_pose'] == other['acc_pose']


def test_every_parameter_gets_a_gradient():
    head = spread(make_head(**WITH_CONV)).train()
    features, samples = batch()
    head.loss(features, samples)['loss_kpt'].backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # a bias in front of a batch norm has none by construction
        if not (
            name.startswith('conv_layers')
            and name.endswith('bias')
            and isinstance(head.get_submodule(name.rpartition('.')[0]), nn.Conv2d)
        ):
            assert parameter.grad.abs().sum() > 0, name


def test_no_visible_joint_is_a_zero_loss_with_a_graph():
    head = spread(make_head())
    features, _ = batch()
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), np.zeros((3, JOINTS), np.float32), INPUT)
    losses = head.loss(features, samples)
    assert losses['loss_kpt'] == 0
    assert losses['acc_pose'] == 0
    losses['loss_kpt'].backward()
    assert all((parameter.grad == 0).all() for parameter in head.parameters())


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_unknown_keypoints_do_not_reach_the_loss(bad):
    head = spread(make_head()).eval()
    features, samples = batch()
    samples[1].gt_instances.transformed_keypoints[0, 2] = bad
    losses = head.loss(features, samples)
    samples[1].gt_instances.transformed_keypoints[0, 2] = 5
    samples[1].gt_instances.keypoints_visible[0, 2] = 0
    assert losses['loss_kpt'] == head.loss(features, samples)['loss_kpt']


def test_visibility_pairs_of_keypoint_converter():
    head = spread(make_head()).eval()
    features, samples = batch()
    expected = head.loss(features, samples)['loss_kpt']
    for sample in samples:
        flags = sample.gt_instances.keypoints_visible
        sample.gt_instances.set_field(np.stack((flags, np.ones_like(flags)), -1), 'keypoints_visible')
    assert head.loss(features, samples)['loss_kpt'] == expected


def test_accuracy_can_be_left_out():
    features, samples = batch()
    assert make_head().loss(features, samples, dict(compute_acc=False)).keys() == {'loss_kpt'}
    assert not make_head().loss(features, samples)['acc_pose'].requires_grad


def test_a_few_steps_of_training_find_the_joints():
    head = make_head(**WITHOUT_DECONV, in_channels=8).train()
    features, samples = batch(count=2, feature_size=HEATMAP)
    codes = [nn.Parameter(torch.zeros_like(features[0]))]  # features that can be learned stand in for a backbone
    nn.init.normal_(codes[0], std=0.1)
    optimizer = torch.optim.Adam([*codes, *head.parameters()], lr=0.05)
    first = None
    for _ in range(60):
        loss = head.loss(codes, samples)['loss_kpt']
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first


# ---------------------------------------------------------------------------------------------
# MMPose's checkpoints


@pytest.mark.parametrize('change', [{}, WITHOUT_DECONV, WITH_CONV, EVEN_CONV, dict(final_layer=None, out_channels=10)])
@pytest.mark.parametrize('prefix', ['', 'head.', 'module.model.head.'])
def test_checkpoints_load_both_ways(change, prefix):
    ours, theirs = make_head(**change), make_mmpose_head(**change)
    if not ours.state_dict():
        pytest.skip('no parameters')

    def nested(module):
        """The module under as many names as the prefix has."""
        for name in reversed(prefix.split('.')[:-1]):
            module = nn.ModuleDict({name: module})
        return module

    spread(ours)
    nested(theirs).load_state_dict(nested(ours).state_dict(), strict=True)
    features, _ = batch()
    with torch.no_grad():
        assert (ours.eval()(features) == theirs.eval()(features)).all()
    spread(theirs, seed=1)
    nested(ours).load_state_dict(nested(theirs).state_dict(), strict=True)
    with torch.no_grad():
        assert (ours(features) == theirs(features)).all()


@pytest.mark.parametrize('old', [False, True])
def test_checkpoints_of_a_whole_model_load(old):
    """Those of MMPose 0.x, as its model zoo still has them, call the head ``keypoint_head``."""
    backbone = dict(type='ResNet', depth=18, out_indices=(3,), base_channels=8, stem_channels=8)
    head = dict(in_channels=64, out_channels=JOINTS, deconv_out_channels=(10,), deconv_kernel_sizes=(4,), decoder=CODEC)
    ours, theirs = (
        mmpose_registry.MODELS.build(
            dict(type='TopdownPoseEstimator', backbone=backbone, head=dict(head, type=f'{scope}.HeatmapHead'))
        ).eval()
        for scope in ('mmpose_ext', 'mmpose')
    )
    spread(theirs)
    saved = theirs.state_dict()
    if old:
        saved = {f'keypoint_{name}' if name.startswith('head.') else name: value for name, value in saved.items()}
    ours.load_state_dict(saved, strict=True)
    picture = torch.rand(1, 3, 128, 96)
    with torch.no_grad():
        assert (ours(picture, None) == theirs(picture, None)).all()


def test_initialisation_is_mmposes():
    ours, theirs = HeatmapHead(**{**SMALL, **WITH_CONV}), make_mmpose_head(**WITH_CONV)
    for head in (ours, theirs):
        torch.manual_seed(0)
        head.init_weights()
    for (name, parameter), expected in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert (parameter == expected).all(), name


# ---------------------------------------------------------------------------------------------
# prediction


@pytest.mark.parametrize('test_cfg', [{}, None, dict(flip_test=True), dict(flip_test=True, shift_heatmap=True)])
def test_predictions_are_mmposes(test_cfg):
    """With its codec in their head, whose every image is decoded by itself on the host."""
    codec = dict(CODEC, max_offset=None)
    ours = spread(make_head(decoder=codec)).eval()
    theirs = make_mmpose_head(
        dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=1.5, unbiased=True, blur_kernel_size=7)
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    for head in (ours, theirs):  # maps above zero, where no logarithm is cut off
        head.final_layer.register_forward_hook(lambda module, inputs, output: output.abs() + 0.1)
    features, samples = batch()
    if test_cfg and test_cfg.get('flip_test'):
        features = [features, make_features(3, 8, (12, 16), seed=1)]
    with torch.no_grad():
        predictions = ours.predict(features, samples, test_cfg)
        expected = theirs.predict(features, samples, test_cfg or {})
    found, wanted = points_of(predictions), points_of(expected)
    close = np.abs(wanted - found).max(-1) < 0.05
    # the maps of random weights have flat maxima too, where a Newton step magnifies the last digit
    assert close.mean() > 0.9
    for one, other in zip(predictions, expected, strict=True):
        assert one.keypoints.shape == (1, JOINTS, 2)
        np.testing.assert_allclose(one.keypoint_scores, other.keypoint_scores, rtol=1e-6)


def test_flip_test_of_a_mirrored_picture_changes_nothing():
    """The features of a mirrored image mirrored back, joints swapped: the mean is the map itself."""
    head = spread(make_head(**WITHOUT_DECONV)).eval()
    features, samples = batch(feature_size=HEATMAP)
    swapped = torch.tensor(samples[0].metainfo['flip_indices'])

    def mirrored_network(module, inputs, output):
        return output.flip(-1)[:, swapped]

    with torch.no_grad():
        expected = head.predict(features, samples)
        original = head.forward(features)
        outputs = iter([original, mirrored_network(None, None, original)])
        head.forward = lambda feats: next(outputs)
        predictions, fields = head.predict([features, features], samples, dict(flip_test=True, output_heatmaps=True))
    np.testing.assert_allclose(points_of(predictions), points_of(expected), atol=1e-4)
    np.testing.assert_allclose(torch.stack([field.heatmaps for field in fields]), original, atol=1e-6)


def test_heatmaps_are_put_out():
    head = spread(make_head()).eval()
    features, samples = batch()
    predictions, fields = head.predict(features, samples, dict(output_heatmaps=True))
    assert len(predictions) == len(fields) == 3
    maps = torch.stack([field.heatmaps for field in fields])
    assert not maps.requires_grad
    assert (maps == head.forward(features)).all()


def test_last_features_are_used():
    head = spread(make_head()).eval()
    features, _ = batch()
    with torch.no_grad():
        assert (head((torch.zeros(3, 4, 32, 24), *features)) == head(features)).all()


# ---------------------------------------------------------------------------------------------
# every argument changes something


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (dict(deconv_kernel_sizes=(3,)), 'weights'),
        (dict(deconv_out_channels=(12,)), 'weights'),
        (dict(conv_out_channels=(5,), conv_kernel_sizes=(3,)), 'weights'),
        (dict(conv_out_channels=(5,), conv_kernel_sizes=(1,)), 'weights'),
        (dict(final_layer=dict(kernel_size=3, padding=1)), 'weights'),
        (dict(final_layer=None), 'weights'),
        (dict(out_channels=JOINTS + 1), 'weights'),
        (dict(in_channels=9), 'weights'),
        (dict(init_cfg=dict(type='Constant', layer='Conv2d', val=0.5)), 'values'),
        (dict(loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=3.0)), 'loss'),
        (dict(loss=dict(type='KeypointOHKMMSELoss', use_target_weight=True, topk=2)), 'loss'),
        (dict(decoder=dict(CODEC, sigma=2.5)), 'loss'),
        (dict(decoder=dict(CODEC, encoding='biased')), 'loss'),
        (dict(unlabeled_weight=0.5), 'loss'),
        (dict(decoder=dict(CODEC, decoding='shift')), 'points'),
        (dict(decoder=dict(CODEC, blur_kernel_size=3)), 'points'),
    ],
)
def test_every_argument_changes_something(change, expected):
    torch.manual_seed(0)
    plain = make_head()
    torch.manual_seed(0)
    changed = make_head(**change)
    shapes = [{name: tuple(value.shape) for name, value in head.state_dict().items()} for head in (plain, changed)]
    if expected == 'weights':
        assert shapes[0] != shapes[1]
        return
    assert shapes[0] == shapes[1]
    if expected == 'values':
        assert (changed.final_layer.weight == 0.5).all()
        assert not (plain.final_layer.weight == 0.5).all()
        return
    features, samples = batch()
    changed.load_state_dict(spread(plain).state_dict())
    plain.eval(), changed.eval()
    if expected == 'loss':
        assert plain.loss(features, samples)['loss_kpt'] != changed.loss(features, samples)['loss_kpt']
    else:
        first, second = (points_of(head.predict(features, samples)) for head in (plain, changed))
        assert (first != second).any()


def test_defaults_are_mmposes():
    config = dict(type='HeatmapHead', in_channels=16, out_channels=3)
    ours = HeatmapHead(16, 3)
    theirs = mmpose_registry.MODELS.build(config)
    assert [(name, value.shape) for name, value in ours.state_dict().items()] == [
        (name, value.shape) for name, value in theirs.state_dict().items()
    ]
    assert ours.loss_module.use_target_weight is theirs.loss_module.use_target_weight is True


def test_its_name_may_be_mmposes():
    head = mmpose_registry.MODELS.build(dict(type='mmpose_ext.HeatmapHead', in_channels=4, out_channels=3))
    assert type(head) is HeatmapHead
    assert (
        type(mmpose_registry.MODELS.build(dict(type='HeatmapHead', in_channels=4, out_channels=3))) is not HeatmapHead
    )


def test_config_is_left_alone():
    codec, loss = dict(CODEC), dict(type='KeypointMSELoss', use_target_weight=True)
    make_head(decoder=codec, loss=loss)
    assert codec == CODEC
    assert loss == dict(type='KeypointMSELoss', use_target_weight=True)


# ---------------------------------------------------------------------------------------------
# errors


def test_samples_without_keypoints():
    features, samples = batch()
    for sample in samples:
        del sample.gt_instances.transformed_keypoints
    with pytest.raises(
        ValueError,
        match=r"'data_samples' must hold .*'gt_instances\.transformed_keypoints', got .*pack_transformed=True",
    ):
        make_head().loss(features, samples)


def test_samples_of_two_people():
    features, samples = batch()
    samples[1].gt_instances = InstanceData(
        transformed_keypoints=np.zeros((2, JOINTS, 2)), keypoints_visible=np.ones((2, JOINTS))
    )
    with pytest.raises(ValueError, match=r"'data_samples' must hold one person each \(top-down\), got 2"):
        make_head().loss(features, samples)


def test_targets_packed_in_some_samples_only():
    features, samples = batch()
    with pytest.raises(
        ValueError, match=r"'data_samples' must all hold the target 'keypoint_weights' .*, got it in 2 of 3"
    ):
        make_head().loss(features, [samples[0], *pack(samples[1:])])


def test_input_size_of_the_pipeline_differs():
    features, samples = batch()
    samples[2].set_metainfo(dict(input_size=(192, 256)))
    with pytest.raises(
        ValueError, match=r"'input_size' .* must be that of the head's codec, \(96, 128\), got \(192, 256\)"
    ):
        make_head().loss(features, samples)


@pytest.mark.parametrize('way', ['drawn', 'packed'])
def test_maps_of_another_size_than_the_codecs(way):
    features, samples = batch(feature_size=(24, 32))  # doubled by the deconvolution: 48x64
    samples = samples if way == 'drawn' else pack(samples)
    with pytest.raises(
        ValueError, match=r"'heatmap_size' of the codec .*\(3, 6, 64, 48\), got targets .*\(3, 6, 32, 24\)"
    ):
        make_head().loss(features, samples)
    with pytest.raises(ValueError, match=r"'encoded' must have shape .*got shape \(3, 6, 64, 48\)"):
        make_head().predict(features, samples)


def test_number_of_joints_differs():
    features, samples = batch(joints=JOINTS + 1)
    with pytest.raises(ValueError, match=r'shape \(3, 6, 32, 24\), got targets of shape \(3, 7, 32, 24\)'):
        make_head().loss(features, samples)


@pytest.mark.parametrize(
    ('decoder', 'name'),
    [
        (None, 'NoneType'),
        (dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=2), 'MSRAHeatmap'),
    ],
)
def test_codec_that_cannot_draw_batches(decoder, name):
    features, samples = batch()
    with pytest.raises(
        ValueError, match=rf"'decoder' must be a codec with encode_batch\(\).*, got {name}.*GenerateTarget"
    ):
        make_head(decoder=decoder).loss(features, samples)


def test_mmposes_codec_works_with_packed_targets():
    features, samples = batch()
    head = spread(make_head(decoder=dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=1.5)))
    assert head.loss(features, pack(samples))['loss_kpt'] > 0
    assert points_of(head.eval().predict(features, samples)).shape == (3, JOINTS, 2)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            dict(deconv_kernel_sizes=(4, 4)),
            r"'deconv_kernel_sizes' must have one entry for each of .*\(10,\), got \(4, 4\)",
        ),
        (dict(deconv_kernel_sizes=None), r"'deconv_kernel_sizes' must have one entry .*, got None"),
        (dict(conv_out_channels=(4,)), r"'conv_kernel_sizes' must have one entry for each of .*\(4,\), got None"),
        (dict(deconv_kernel_sizes=(5,)), r"'deconv_kernel_sizes' must hold only 2, 3 or 4, got 5"),
        (dict(unlabeled_weight=-1), r"'unlabeled_weight' must be a finite number >= 0, got -1"),
        (dict(unlabeled_weight=None), r"'unlabeled_weight' must be a finite number >= 0, got None"),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        make_head(**change)


@pytest.mark.parametrize('features', [make_features(3, 8, (12, 16)), [make_features(3, 8, (12, 16))]])
def test_flip_test_needs_both_features(features):
    _, samples = batch()
    with pytest.raises(
        ValueError, match=r"'feats' must be a list \[features, features of the mirrored .*got .* length 1"
    ):
        make_head().predict(features, samples, dict(flip_test=True))


class _Plain(BaseHead):
    """The least a subclass has to write."""

    def forward(self, feats):
        return feats[-1].mean((2, 3))

    def losses(self, outputs, targets):
        return dict(loss=outputs.mean())


def test_a_head_says_what_it_cannot_do():
    head = _Plain(decoder=CODEC)
    features, samples = batch()
    assert head.loss(features, samples).keys() == {'loss'}
    with pytest.raises(NotImplementedError, match=r'_Plain has no flip test; set model\.test_cfg\.flip_test=False'):
        head.predict([features, features], samples, dict(flip_test=True))
    head.decode_outputs = lambda *given: Keypoints(torch.zeros(3, JOINTS, 2), torch.zeros(3, JOINTS))
    with pytest.raises(NotImplementedError, match=r'_Plain has no maps; set model\.test_cfg\.output_heatmaps=False'):
        head.predict(features, samples, dict(output_heatmaps=True))


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
def test_a_training_step_does_not_wait_for_the_gpu():
    head = spread(make_head()).cuda()
    features, samples = batch()
    features = tuple(feature.cuda() for feature in features)
    head.loss(features, samples)['loss_kpt'].backward()  # the first step may load kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        head.loss(features, samples)['loss_kpt'].backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.cuda
def test_only_points_come_back_from_the_gpu(monkeypatch):
    head = spread(make_head()).cuda().eval()
    features, samples = batch()
    features = tuple(feature.cuda() for feature in features)
    copied = []
    to_cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, 'cpu', lambda tensor: copied.append(tensor.numel()) or to_cpu(tensor))
    head.predict(features, samples)
    assert sum(copied) == 3 * JOINTS * 3
