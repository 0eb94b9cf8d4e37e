"""What every codec and every head has to stand, over everything that is registered.

A newly registered class has to enter a minimal config in one of the tables here; a test fails until it does.
"""

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, random_keypoints
from mmengine.config import Config
from mmengine.registry import Registry

from mmpose_ext import registry
from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

INPUT, HEATMAP = (96, 128), (24, 32)  # no two sides alike


def dark_heatmap(**change):
    return dict(type='mmpose_ext.DarkHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=1.5, **change)


def integral_label(heatmap_type=None, **change):
    sizes = dict(input_size=INPUT, heatmap_size=HEATMAP)
    return dict(type='mmpose_ext.IntegralLabel', **sizes, heatmap_type=heatmap_type, **change)


REGRESSION_LABEL = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)
REGRESSION_LABEL_3D = dict(REGRESSION_LABEL, depth_range=2000.0)
VOLUME = dict(depth_size=5, depth_range=2000.0)
COORDINATE_LOSS = dict(type='mmpose_ext.CoordinateLoss')

# name -> configs, each a case of the contract
CODECS = {
    'DarkHeatmap': [
        dark_heatmap(),
        dark_heatmap(encoding='biased', decoding='shift', blur_kernel_size=None),
        dark_heatmap(decoding='argmax', max_offset=None),
    ],
    'IntegralLabel': [
        integral_label(),
        integral_label('gaussian', sigma=1.5),
        integral_label('one_hot'),
        integral_label('disk', radius=10.0),
        integral_label('gaussian', sigma=1.5, decoding='dark'),
        integral_label('one_hot', decoding='argmax'),
        integral_label(**VOLUME),
        integral_label('gaussian', **VOLUME),
        integral_label('gaussian', **VOLUME, decoding='shift'),
        integral_label('one_hot', **VOLUME),
    ],
    'RegressionLabel': [REGRESSION_LABEL, REGRESSION_LABEL_3D],
}


def integral_head(decoder=None, head='IntegralHead', **arguments):
    """A case of the contract: a function of the number of joints."""
    return lambda joints: dict(
        type=f'mmpose_ext.{head}',
        in_channels=4,
        out_channels=joints,
        deconv_out_channels=(6,),
        deconv_kernel_sizes=(4,),
        decoder=decoder or integral_label(),
        **arguments,
    )


def volume_head(decoder, **arguments):
    """A case of the contract: a function of the number of joints."""
    return integral_head(decoder, 'IntegralHead3D', depth_size=VOLUME['depth_size'], **arguments)


SMALL_FLOW = dict(type='RealNVP', num_couplings=2, hidden_channels=8)


def regression_head(head='RegressionHead', decoder=REGRESSION_LABEL, **arguments):
    """A case of the contract: a function of the number of joints."""
    return lambda joints: dict(
        type=f'mmpose_ext.{head}', in_channels=4, num_joints=joints, decoder=decoder, **arguments
    )


def rle_head(head='RLEHead', **arguments):
    """A case of the contract: a function of the number of joints."""
    return regression_head(head, **dict(loss=dict(type='mmpose_ext.RLELoss', flow=SMALL_FLOW)) | arguments)


# name -> functions of the number of joints; features have 4 channels and half of the maps' size
HEADS = {
    'HeatmapHead': [
        lambda joints: dict(
            type='mmpose_ext.HeatmapHead',
            in_channels=4,
            out_channels=joints,
            deconv_out_channels=(6,),
            deconv_kernel_sizes=(4,),
            decoder=dark_heatmap(),
        ),
    ],
    'IntegralHead': [
        integral_head(loss_coord=COORDINATE_LOSS),
        integral_head(loss_coord=COORDINATE_LOSS, beta=10.0, debias=True, score='spread'),
        integral_head(
            integral_label('gaussian'),
            loss_coord=COORDINATE_LOSS,
            loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
            beta=10.0,
            score='peak',
        ),
        integral_head(
            integral_label('gaussian', decoding='shift'),
            loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
        ),
        integral_head(
            integral_label('one_hot', decoding='dark'), loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss')
        ),
        integral_head(integral_label('disk', decoding='argmax'), loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss')),
    ],
    'IntegralHead3D': [
        volume_head(integral_label(**VOLUME), loss_coord=COORDINATE_LOSS),
        volume_head(
            integral_label('gaussian', **VOLUME),
            loss_coord=COORDINATE_LOSS,
            loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss'),
            beta=10.0,
            debias=True,
        ),
        volume_head(
            integral_label('gaussian', decoding='shift', **VOLUME), loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss')
        ),
        volume_head(
            integral_label('one_hot', decoding='argmax', **VOLUME),
            loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'),
        ),
    ],
    'RegressionHead': [regression_head(), regression_head(decoder=REGRESSION_LABEL_3D, dim=3)],
    'IntegralRLEHead': [rle_head('IntegralRLEHead', deconv_out_channels=(6,), deconv_kernel_sizes=(4,))],
    'RLEHead': [
        rle_head(),
        rle_head(
            dim=3,
            decoder=REGRESSION_LABEL_3D,
            loss=dict(type='mmpose_ext.RLELoss', flow=dict(SMALL_FLOW, dim=3), flow_2d=SMALL_FLOW),
        ),
    ],
}
# name -> configs, and the shape of what a loss compares: points, or maps from 0 to 1; called with (output, target,
# weights)
LOSSES = {
    'CoordinateLoss': [
        (COORDINATE_LOSS, (2,)),
        (dict(COORDINATE_LOSS, norm='l2', reduction='all', loss_weight=2.0), (3,)),
    ],
    'HeatmapBCELoss': [
        (dict(type='mmpose_ext.HeatmapBCELoss'), (8, 6)),
        (dict(type='mmpose_ext.HeatmapBCELoss', reduction='batch', loss_weight=2.0), (4, 8, 6)),
    ],
    'HeatmapCrossEntropyLoss': [
        (dict(type='mmpose_ext.HeatmapCrossEntropyLoss'), (8, 6)),
        (dict(type='mmpose_ext.HeatmapCrossEntropyLoss', beta=2.0, reduction='all', loss_weight=2.0), (4, 8, 6)),
    ],
    'HeatmapDistillationLoss': [
        (dict(type='mmpose_ext.HeatmapDistillationLoss'), (8, 6)),
        (dict(type='mmpose_ext.HeatmapDistillationLoss', kind='cross_entropy', loss_weight=2.0), (8, 6)),
    ],
}
# registered classes that are none of these: registry -> names, tested in files of their own
OTHERS: dict[str, set[str]] = {
    'HOOKS': {'ComputeHook', 'DumpPredictionsHook', 'PreemptionHook', 'ResumeHook', 'SafeCheckpointHook'},
    'DATASETS': {'CropCache', 'FlicDataset', 'Human36mImageDataset', 'LspDataset', 'Synthetic3dDataset'},
    'METRICS': {
        'CameraMPJPE',
        'CocoMetric',
        'ConfidenceCorrelation',
        'FasterCocoMetric',
        'FasterCocoWholeBodyMetric',
        'KeypointCalibration',
        'PCKhAccuracy',
        'TorsoPCKAccuracy',
    },
    'MODELS': {
        'MultiStageHead',
        'MultiStageResNet',
        'PoseDataPreprocessor',
        'PoseDistiller',
        'RLELoss',
        'RealNVP',
        'StackedHourglass',
        'TimmBackbone',
        'VolumeCrossEntropyLoss',
        'VolumeMSELoss',
        'ZukoFlow',
    },
    'TRANSFORMS': {'CorruptLabels', 'DropLabels', 'LoadRegion', 'PackRegion', 'RandomChannelScale', 'UnknownDepth'},
    'OPTIM_WRAPPERS': {'BFloat16OptimWrapper'},
    'VISUALIZERS': {'PoseVisualizer'},
}

every_codec = pytest.mark.parametrize(
    'config', [pytest.param(config, id=f'{name}-{n}') for name in CODECS for n, config in enumerate(CODECS[name])]
)
every_head = pytest.mark.parametrize(
    'config_of', [pytest.param(config, id=f'{name}-{n}') for name in HEADS for n, config in enumerate(HEADS[name])]
)
every_loss = pytest.mark.parametrize(
    ('config', 'tail'),
    [pytest.param(*case, id=f'{name}-{n}') for name in LOSSES for n, case in enumerate(LOSSES[name])],
)
shapes = pytest.mark.parametrize(('batch', 'joints'), [(1, 1), (1, 5), (3, 1), (2, 17)])
low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def axes_of(decoder):
    """Number of axes of a codec's keypoints."""
    return 2 if decoder.get('depth_range') is None else 3


def keypoints_of(kind, batch, joints, axes=2):
    """Keypoints (B, K, D) and visibility (B, K) of a difficult batch; every second depth is unknown."""
    inside = random_keypoints(batch, joints, INPUT)
    if axes == 3:
        depths = np.random.default_rng(0).uniform(-900, 900, (batch, joints, 1)).astype(np.float32)
        depths[:, 1::2] = np.nan
        inside = np.concatenate((inside, depths), -1)
    visible = np.ones((batch, joints), np.float32)
    if kind == 'invisible':
        visible[:] = 0
    elif kind == 'outside':
        inside += np.float32(1e4)
    elif kind == 'far outside':
        inside[:] = np.float32(-3e38)
    elif kind == 'unknown':
        inside[:] = np.nan
    elif kind == 'at the corners':
        inside[..., :2] = np.array([[0, 0], INPUT], np.float32)[np.arange(joints) % 2]
    return inside, visible


difficult = pytest.mark.parametrize(
    'kind', ['inside', 'invisible', 'outside', 'far outside', 'unknown', 'at the corners']
)
NOTHING_TO_LEARN = ('invisible', 'outside', 'far outside', 'unknown')


def round_trip(config):
    """The config after it was written to a file and read again."""
    return Config.fromstring(Config(dict(it=config)).pretty_text, '.py').it


def build_head(config_of, joints):
    head = MODELS.build(config_of(joints))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return head


def features_of(batch, seed=0):
    return make_features(batch, 4, (HEATMAP[0] // 2, HEATMAP[1] // 2), seed)


def total(losses):
    """The loss as MMEngine's runner adds it up."""
    return sum(value for name, value in losses.items() if 'loss' in name)


def cpu_can(dtype):
    """Whether this torch convolves, and trains, in ``dtype`` on the CPU."""
    try:
        layer = torch.nn.Sequential(torch.nn.ConvTranspose2d(2, 2, 2), torch.nn.BatchNorm2d(2)).to(dtype)
        layer(torch.rand(1, 2, 4, 4).to(dtype)).sum().backward()
    except RuntimeError:
        return False
    return True


# ---------------------------------------------------------------------------------------------


def test_everything_registered_is_in_the_tables():
    listed = {'KEYPOINT_CODECS': {*CODECS}, 'MODELS': {*HEADS, *LOSSES}}
    for name in registry.__all__:
        filled: Registry = getattr(registry, name)
        filled.import_from_location()
        expected = listed.get(name, set()) | OTHERS.get(name, set())
        assert {*filled.module_dict} == expected, f'enter what is registered in {name} in the tables of this file'


# ---------------------------------------------------------------------------------------------
# codecs


@every_codec
@shapes
@difficult
def test_codec_encodes(config, batch, joints, kind):
    codec = KEYPOINT_CODECS.build(config)
    keypoints, visible = keypoints_of(kind, batch, joints, axes_of(config))
    encoded = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    for name, values in encoded.items():
        assert values.shape[:2] == (batch, joints), name
        assert values.isfinite().all(), name
        assert values.dtype == torch.float32, name
    if kind in NOTHING_TO_LEARN:
        assert not encoded['keypoint_weights'].any()
    elif kind == 'inside':
        assert encoded['keypoint_weights'].all()
    for n in range(batch):
        single = codec.encode(keypoints[n : n + 1], visible[n : n + 1])
        assert single.keys() == encoded.keys()
        for name, values in single.items():
            np.testing.assert_allclose(values.reshape(encoded[name][n].shape), encoded[name][n], atol=1e-6)


@every_codec
@shapes
def test_codec_decodes_what_it_encoded(config, batch, joints):
    codec = KEYPOINT_CODECS.build(config)
    keypoints, visible = keypoints_of('inside', batch, joints, axes_of(config))
    encoded = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    outputs = codec.exact_output(encoded)
    found, scores = codec.batch_decode(outputs)
    assert len(found) == len(scores) == batch
    for n in range(batch):
        assert found[n].shape == (1, joints, axes_of(config))
        assert scores[n].shape == (1, joints)
        assert np.abs(found[n] - keypoints[n])[..., :2].max() < 4  # pixels, a cell of the map
        # millimeters; a joint without depth has the label 0, and the highest cell is half a cell away at most
        cell = codec.depth_range / codec.depth_size if codec.depth_size and codec.decodes_maps else 0
        np.testing.assert_allclose(found[n][0, ::2, 2:], keypoints[n][::2, 2:], atol=0.01 + 0.75 * cell)
        alone = codec.decode(outputs[n].numpy())
        np.testing.assert_allclose(alone[0], found[n], atol=1e-3)
        np.testing.assert_allclose(alone[1], scores[n], atol=1e-6)


@every_codec
@low_precision
def test_codec_in_low_precision(config, dtype):
    codec = KEYPOINT_CODECS.build(config)
    keypoints, visible = keypoints_of('inside', 2, 5, axes_of(config))
    encoded = codec.encode_batch(torch.from_numpy(keypoints).to(dtype), torch.from_numpy(visible).to(dtype))
    assert all(values.isfinite().all() for values in encoded.values())
    found, scores = codec.batch_decode(codec.exact_output(encoded).to(dtype))
    assert np.isfinite(scores).all()
    assert np.abs(np.concatenate(found) - keypoints)[..., :2].max() < 6  # pixels; bfloat16 keeps 8 bits


@every_codec
def test_codec_decodes_tensors(config):
    """The protocol: tensors on the device, the same in normalized coordinates, for any batch, without a gradient."""
    codec = KEYPOINT_CODECS.build(config)
    axes = axes_of(config)
    keypoints, visible = keypoints_of('inside', 3, 5, axes)
    output = codec.exact_output(codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible)))
    found, normalized = codec.decode_tensors(output), codec.decode_tensors(output, normalized=True)
    scale, root = torch.tensor((*INPUT, 2000.0))[:axes], torch.tensor((0.0, 0.0, 0.5))[:axes]
    torch.testing.assert_close((normalized.points - root) * scale, found.points, rtol=1e-5, atol=1e-4)
    assert (found.scores == normalized.scores).all()
    assert found.points.dtype == found.scores.dtype == torch.float32
    points, scores = codec.batch_decode(output)
    np.testing.assert_array_equal(np.concatenate(points), found.points)
    np.testing.assert_array_equal(np.concatenate(scores), found.scores)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(codec.decode_tensors(output).points, found.points, rtol=1e-5, atol=1e-3)
    assert codec.decode_tensors(output[:0]).points.shape == (0, 5, axes)
    assert codec.batch_decode(output[:0]) == ([], [])
    assert codec.dim == axes


@every_codec
@pytest.mark.parametrize('flag', [-1.0, 0.3, 2.0, float('nan'), float('inf'), -float('inf')])
def test_codec_takes_a_visibility_as_a_label_and_no_weight(config, flag):
    codec = KEYPOINT_CODECS.build(config)
    keypoints, visible = keypoints_of('inside', 2, 5, axes_of(config))
    visible[:, 1] = flag
    encoded = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    visible[:, 1] = flag in (0.3, 2.0)
    expected = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    for name, values in encoded.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@every_codec
def test_codec_takes_arrays_of_any_memory(config):
    """Views that are turned round, of which torch makes no tensor, other types of numbers, and read-only arrays."""
    codec = KEYPOINT_CODECS.build(config)
    keypoints, visible = keypoints_of('inside', 1, 5, axes_of(config))
    expected = codec.encode(keypoints, visible)
    for turned in (
        keypoints[:, ::-1].copy()[:, ::-1],
        keypoints.astype(np.longdouble),
        keypoints[..., ::-1].copy()[..., ::-1],
    ):
        for name, values in codec.encode(turned, visible.astype(int)).items():
            np.testing.assert_allclose(values, expected[name], atol=1e-6)
    output = codec.exact_output(
        {
            name: torch.from_numpy(value)[None] if value.shape[0] == 5 else torch.from_numpy(value)
            for name, value in expected.items()
        }
    )[0].numpy()
    np.testing.assert_array_equal(codec.decode(output[::-1].copy()[::-1])[0], codec.decode(output)[0])


@every_codec
def test_codec_survives_config_pickle_and_copy(config):
    codec = KEYPOINT_CODECS.build(config)
    for other in (
        KEYPOINT_CODECS.build(round_trip(config)),
        pickle.loads(pickle.dumps(codec)),
        copy.deepcopy(codec),
    ):
        assert vars(other) == vars(codec)
        assert repr(other) == repr(codec)


@every_codec
def test_codec_shows_its_settings(config):
    text = repr(KEYPOINT_CODECS.build(config))
    assert text.startswith(config['type'].partition('.')[2])
    assert all(f'{name}={value!r}' in text for name, value in config.items() if name != 'type'), text


# ---------------------------------------------------------------------------------------------
# heads


@every_head
@shapes
@difficult
def test_head_trains(config_of, batch, joints, kind):
    head = build_head(config_of, joints).train()
    keypoints, visible = keypoints_of(kind, batch, joints, axes_of(config_of(joints)['decoder']))
    losses = head.loss(features_of(batch), make_samples(keypoints, visible, INPUT))
    assert all(value.isfinite() and value.shape == () for value in losses.values())
    if kind in NOTHING_TO_LEARN:
        assert total(losses) == 0
    total(losses).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@every_head
@shapes
@pytest.mark.parametrize('flip', [False, True])
def test_head_predicts(config_of, batch, joints, flip):
    head = build_head(config_of, joints).eval()
    samples = make_samples(random_keypoints(batch, joints, INPUT), None, INPUT)
    features = [features_of(batch), features_of(batch, seed=1)] if flip else features_of(batch)
    with torch.no_grad():
        predictions = head.predict(features, samples, dict(flip_test=flip))
    assert len(predictions) == batch
    for prediction in predictions:
        assert prediction.keypoints.shape == (1, joints, axes_of(config_of(joints)['decoder']))
        assert prediction.keypoint_scores.shape == (1, joints)
        assert np.isfinite(prediction.keypoints).all()
        assert np.isfinite(prediction.keypoint_scores).all()


@every_head
@low_precision
def test_head_under_autocast(config_of, dtype):
    head = build_head(config_of, 5).train()
    samples = make_samples(*keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder'])), INPUT)
    expected = total(head.loss(features_of(2), samples)).item()
    try:
        with torch.autocast('cpu', dtype):
            assert head(features_of(2)).dtype in (dtype, torch.float32)  # points stay in float32
    except RuntimeError as error:  # torch 2.1 has no fp16 on the CPU
        pytest.skip(f'no autocast to {dtype} on the CPU: {error}')
    with torch.autocast('cpu', dtype):
        losses = head.loss(features_of(2), samples)
    np.testing.assert_allclose(total(losses).item(), expected, rtol=0.03)
    total(losses).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    head.eval()
    with torch.no_grad(), torch.autocast('cpu', dtype):
        predictions = head.predict(features_of(2), samples)
    assert all(np.isfinite(prediction.keypoints).all() for prediction in predictions)


@every_head
@low_precision
def test_head_in_low_precision(config_of, dtype):
    if not cpu_can(dtype):
        pytest.skip(f'this torch does not train in {dtype} on the CPU')
    head = build_head(config_of, 5).train()
    samples = make_samples(*keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder'])), INPUT)
    expected = total(head.loss(features_of(2), samples)).item()
    head.to(dtype)
    features = tuple(feature.to(dtype) for feature in features_of(2))
    losses = head.loss(features, samples)
    np.testing.assert_allclose(total(losses).item(), expected, rtol=0.03)
    total(losses).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    head.eval()
    with torch.no_grad():
        predictions = head.predict(features, samples)
    assert all(np.isfinite(prediction.keypoints).all() for prediction in predictions)


@every_head
def test_head_without_any_sample_has_a_zero_loss_with_a_graph(config_of):
    head = build_head(config_of, 5).train()
    losses = head.loss(make_features(0, 4, (HEATMAP[0] // 2, HEATMAP[1] // 2)), [])
    assert total(losses) == 0
    total(losses).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters() if parameter.grad is not None)


@every_head
def test_no_nan_of_a_joint_without_a_label_reaches_a_gradient(config_of):
    head = build_head(config_of, 5).train()
    keypoints, visible = keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder']))
    visible[:, 1] = 0
    samples = make_samples(keypoints, visible, INPUT)
    outputs = head(features_of(2)).detach()
    head.forward = lambda feats: outputs
    expected = head.loss(features_of(2), samples, dict(compute_acc=False))
    outputs[:, 1] = float('nan')
    outputs.requires_grad_()
    losses = head.loss(features_of(2), samples, dict(compute_acc=False))
    assert losses == expected
    total(losses).backward()
    assert outputs.grad.isfinite().all()
    assert not outputs.grad[:, 1].any()
    assert outputs.grad[:, 0].any()


@every_head
@pytest.mark.parametrize('flag', [-1.0, 0.3, float('nan'), float('inf')])
def test_head_takes_a_visibility_as_a_label_and_no_weight(config_of, flag):
    head = build_head(config_of, 5).eval()
    keypoints, visible = keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder']))
    visible[:, 1] = flag
    found = head.loss(features_of(2), make_samples(keypoints, visible, INPUT))
    visible[:, 1] = flag == 0.3
    assert found == head.loss(features_of(2), make_samples(keypoints, visible, INPUT))


@every_head
def test_head_takes_one_step(config_of):
    """step() is the loss with what it was computed from, and decode_outputs() the prediction as tensors."""
    head = build_head(config_of, 5).eval()
    samples = make_samples(*keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder'])), INPUT)
    step = head.step(features_of(2), samples)
    assert step.losses == head.loss(features_of(2), samples)
    again = head.losses(step.outputs, step.targets)
    assert all(step.losses[name] == value for name, value in again.items())
    views = features_of(2), features_of(2, seed=1)
    flips = samples[0].metainfo['flip_indices']
    for flipped in (None, head(views[1])):
        found = head.decode_outputs(head(views[0]), flipped, flips)
        given = views[0] if flipped is None else [*views]
        predictions = head.predict(given, samples, dict(flip_test=flipped is not None))
        np.testing.assert_array_equal(np.concatenate([one.keypoints for one in predictions]), found.points)
        np.testing.assert_array_equal(np.concatenate([one.keypoint_scores for one in predictions]), found.scores)
        assert not found.points.requires_grad


@every_head
def test_head_survives_config_pickle_and_copy(config_of):
    head = build_head(config_of, 5).eval()
    rebuilt = MODELS.build(round_trip(config_of(5))).eval()
    rebuilt.load_state_dict(head.state_dict(), strict=True)
    samples = make_samples(random_keypoints(2, 5, INPUT), None, INPUT)
    expected = head.predict(features_of(2), samples)
    for other in (rebuilt, pickle.loads(pickle.dumps(head)), copy.deepcopy(head)):
        found = other.predict(features_of(2), samples)
        for prediction, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(prediction.keypoints, wanted.keypoints)
        assert repr(other) == repr(head)


@every_head
def test_head_is_deterministic_and_leaves_its_inputs_alone(config_of):
    head = build_head(config_of, 5).eval()
    features = features_of(2)
    samples = make_samples(*keypoints_of('inside', 2, 5, axes_of(config_of(5)['decoder'])), INPUT)
    kept = features[0].clone(), copy.deepcopy(samples)
    first, second = head.loss(features, samples), head.loss(features, samples)
    assert all(first[name] == second[name] for name in first)
    assert (features[0] == kept[0]).all()
    for sample, before in zip(samples, kept[1], strict=True):
        np.testing.assert_array_equal(
            sample.gt_instances.transformed_keypoints, before.gt_instances.transformed_keypoints
        )


@every_head
def test_head_without_a_codec_still_computes(config_of):
    config = config_of(5)
    with_codec = build_head(config_of, 5).eval()
    head = MODELS.build({name: value for name, value in config.items() if name != 'decoder'}).eval()
    head.load_state_dict(with_codec.state_dict())
    np.testing.assert_array_equal(head(features_of(2)).detach(), with_codec(features_of(2)).detach())


# ---------------------------------------------------------------------------------------------
# losses


def compared(tail, batch=2, joints=5):
    """Outputs, targets and weights of a loss; some joints weigh nothing."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(batch, joints, *tail, generator=generator)
    targets = torch.rand(batch, joints, *tail, generator=generator)
    weights = (torch.rand(batch, joints, generator=generator) < 0.6).float()
    weights[0, 0] = 1
    return outputs, targets, weights


@every_loss
@shapes
def test_loss_is_finite_with_a_gradient(config, tail, batch, joints):
    outputs, targets, weights = compared(tail, batch, joints)
    loss = MODELS.build(config)(outputs.requires_grad_(), targets, weights)
    assert loss.shape == ()
    assert loss.isfinite() and loss > 0
    loss.backward()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad.flatten(2).abs().amax(-1) > 0).equal(weights > 0)


@every_loss
def test_loss_without_joints_is_zero_with_a_graph(config, tail):
    outputs, targets, weights = compared(tail)
    loss = MODELS.build(config)(outputs.requires_grad_(), targets, 0 * weights)
    assert loss == 0
    loss.backward()
    assert (outputs.grad == 0).all()


@every_loss
def test_loss_is_linear_in_weights(config, tail):
    outputs, targets, weights = compared(tail)
    loss = MODELS.build(config)
    np.testing.assert_allclose(
        loss(outputs, targets, 0.25 * weights), 0.25 * loss(outputs, targets, weights), rtol=1e-6
    )


@every_loss
@low_precision
@pytest.mark.parametrize('autocast', [False, True])
def test_loss_in_low_precision(config, tail, dtype, autocast):
    outputs, targets, weights = compared(tail)
    outputs = outputs.to(dtype).requires_grad_()
    loss = MODELS.build(config)
    expected = loss(outputs.detach().float(), targets, weights)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        found = loss(outputs, targets, weights)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), expected, rtol=1e-6)
    found.backward()
    assert outputs.grad.dtype == dtype
    assert outputs.grad.isfinite().all()


@every_loss
def test_loss_survives_config_pickle_and_copy(config, tail):
    loss, arguments = MODELS.build(config), compared(tail)
    for other in (MODELS.build(round_trip(config)), pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert other(*arguments) == loss(*arguments)
        assert repr(other) == repr(loss)
    assert all(f'{name}={value!r}' in repr(loss) for name, value in config.items() if name != 'type'), repr(loss)
    assert not loss.state_dict(), 'a loss without parameters leaves checkpoints as they are'
