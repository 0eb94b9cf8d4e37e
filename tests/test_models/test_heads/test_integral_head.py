import copy

import numpy as np
import pytest
import torch
from helpers import (
    can_autocast,
    make_features,
    make_samples,
    network_like_maps,
    pack_targets,
    random_keypoints,
    train_on_hard_batches,
)
from mmengine.runner import load_checkpoint
from mmpose import registry as mmpose_registry
from torch import nn

from mmpose_ext.codecs import DarkHeatmap
from mmpose_ext.functional import soft_argmax
from mmpose_ext.models.heads import HeatmapHead, IntegralHead

INPUT, HEATMAP, JOINTS = (96, 128), (24, 32), 6  # 4 pixels a cell
SIZES = dict(input_size=INPUT, heatmap_size=HEATMAP)
L1 = dict(type='mmpose_ext.CoordinateLoss')
MSE = dict(type='KeypointMSELoss', use_target_weight=True)
CE = dict(type='mmpose_ext.HeatmapCrossEntropyLoss')
BCE = dict(type='mmpose_ext.HeatmapBCELoss')
SMALL = dict(in_channels=8, out_channels=JOINTS, deconv_out_channels=(10,), deconv_kernel_sizes=(4,))
# a head without layers: the features are the logits
BARE = dict(in_channels=JOINTS, out_channels=JOINTS, deconv_out_channels=None, final_layer=None)


def label(heatmap_type='gaussian', **change):
    return dict(type='mmpose_ext.IntegralLabel', **SIZES, heatmap_type=heatmap_type) | change


# the variants of the paper, and what debiasing and a second loss make of them
VARIANTS = {
    'H1': dict(loss_heatmap=MSE, decoder=label(decoding='shift')),
    'H2': dict(loss_heatmap=CE, decoder=label('one_hot', decoding='shift')),
    'H3': dict(loss_heatmap=BCE, decoder=label('disk', decoding='shift')),
    'I': dict(loss_coord=L1, decoder=label(None)),
    'I l2': dict(loss_coord=dict(L1, norm='l2'), decoder=label(None)),
    'I debias': dict(loss_coord=L1, beta=10.0, debias=True, decoder=label(None)),
    'both, H1': dict(loss_coord=L1, loss_heatmap=MSE, decoder=label()),
    'both, H2': dict(loss_coord=L1, loss_heatmap=CE, decoder=label('one_hot')),
    'both, H3': dict(loss_coord=L1, loss_heatmap=BCE, decoder=label('disk')),
}
every_variant = pytest.mark.parametrize('variant', VARIANTS)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_head(variant='I', decoding=None, **change):
    config = {**SMALL, **VARIANTS[variant], **change}
    if decoding is not None:
        config['decoder'] = config['decoder'] | dict(decoding=decoding)
    head = IntegralHead(**config)
    head.init_weights()
    return head


def bare_head(variant='I', **change):
    return make_head(variant, **{**BARE, **change}).eval()


def spread(head, seed=0, std=0.5):
    """Random weights of ordinary size: with the initial ones every map is nearly flat."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(std * torch.randn(parameter.shape, generator=generator))
    return head


def batch(count=3, joints=JOINTS, feature_size=(12, 16), channels=8, seed=0):
    keypoints = random_keypoints(count, joints, INPUT, margin=-10, seed=seed)
    visible = (np.random.default_rng(seed).random((count, joints)) < 0.7).astype(np.float32)
    visible[0, 0] = 1
    return make_features(count, channels, feature_size, seed), make_samples(keypoints, visible, INPUT)


def logits_at(keypoints, sigma=1.5):
    """Logits (B, K, H, W) whose softmax is a Gaussian around keypoints (B, K, 2) in pixels."""
    x, y = np.arange(HEATMAP[0]), np.arange(HEATMAP[1])
    centers = np.asarray(keypoints, np.float64) / 4
    columns = (x - centers[..., 0, None]) ** 2
    rows = (y - centers[..., 1, None]) ** 2
    return torch.from_numpy(-(rows[..., :, None] + columns[..., None, :]) / (2 * sigma**2)).float()


def points_of(predictions):
    return np.concatenate([prediction.keypoints for prediction in predictions])


def scores_of(predictions):
    return np.concatenate([prediction.keypoint_scores for prediction in predictions])


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


# ---------------------------------------------------------------------------------------------
# MMPose's IntegralRegressionHead


def make_mmpose_head(ours, size=(12, 16), **change):
    """MMPose's head with our weights; it keeps the layers before the maps in a heatmap head."""
    config = dict(
        type='IntegralRegressionHead',
        in_channels=8,
        in_featuremap_size=size,
        num_joints=JOINTS,
        deconv_out_channels=(10,),
        deconv_kernel_sizes=(4,),
        loss=dict(type='L1Loss', use_target_weight=True),
        decoder=dict(type='IntegralRegressionLabel', **SIZES, sigma=1.0),
    )
    theirs = mmpose_registry.MODELS.build(config | change).eval()
    assert type(theirs).__module__.startswith('mmpose.')
    (theirs.simplebaseline_head or theirs).load_state_dict(ours.state_dict(), strict=theirs.simplebaseline_head)
    return theirs


@pytest.mark.parametrize('beta', [1.0, 10.0])
@pytest.mark.parametrize(
    ('change', 'size'),
    [
        ({}, (12, 16)),
        (dict(conv_out_channels=(9,), conv_kernel_sizes=(3,)), (12, 16)),
        (dict(deconv_out_channels=(7, 9), deconv_kernel_sizes=(4, 2)), (6, 8)),
    ],
)
def test_coordinates_are_mmposes(beta, change, size):
    ours = spread(make_head(beta=beta, **change)).eval()
    theirs = make_mmpose_head(ours, size, beta=beta, **change)
    features, samples = batch(feature_size=size)
    with torch.no_grad():
        expected, maps = theirs(features)
        points, scores, *_ = ours.decode_outputs(ours(features), normalized=True)
        np.testing.assert_allclose(points, expected, atol=1e-5)
        np.testing.assert_allclose(ours.heatmaps(ours(features)), maps, atol=1e-6)
        found, wanted = points_of(ours.predict(features, samples)), points_of(theirs.predict(features, samples))
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # pixels
    assert expected.std() > 0.003, 'maps that say something'
    assert scores.std() > 0, 'where MMPose says 1'


def test_loss_and_accuracy_are_mmposes():
    """With their reduction, over all joints: ours is over those that are labeled."""
    ours = spread(make_head(loss_coord=dict(L1, reduction='all')), std=1.0).eval()
    theirs = make_mmpose_head(ours)
    features, samples = batch(count=16)
    with torch.no_grad():
        for n, sample in enumerate(samples):  # labels that some predictions come near
            prediction = ours.predict(features, samples)[n].keypoints
            sample.gt_instances.transformed_keypoints = np.clip(prediction + 5, 0, 90).astype(np.float32)
    losses, expected = ours.loss(features, samples), theirs.loss(features, pack_targets(samples, theirs_codec()))
    np.testing.assert_allclose(losses['loss_coord'].item(), expected['loss_kpt'].item(), rtol=1e-4)
    np.testing.assert_allclose(losses['acc_pose'], expected['acc_pose'], rtol=1e-5)
    assert expected['acc_pose'] > 0


def theirs_codec():
    return dict(type='IntegralRegressionLabel', **SIZES, sigma=1.0)


@pytest.mark.parametrize('shift', [True, False])
def test_flip_test_is_mmposes(shift):
    ours = spread(make_head()).eval()
    theirs = make_mmpose_head(ours)
    features, samples = batch()
    features = [features, make_features(3, 8, (12, 16), seed=1)]
    test_cfg = dict(flip_test=True, shift_coords=shift, output_heatmaps=True)
    with torch.no_grad():
        found, maps = ours.predict(features, samples, test_cfg)
        wanted, expected = theirs.predict(features, samples, test_cfg)
        scores = [scores_of(ours.predict(view, samples)) for view in features]
    np.testing.assert_allclose(points_of(found), points_of(wanted), atol=2e-3)
    for one, other in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one.heatmaps, other.heatmaps, atol=1e-6)
    # MMPose has no scores: those of the two views, left and right swapped in the second
    mean = (scores[0] + scores[1][:, samples[0].metainfo['flip_indices']]) / 2
    np.testing.assert_allclose(scores_of(found), mean, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# checkpoints: I1 to I3 start from H1 to H3


def nested(module, prefix):
    """The module under as many names as the prefix has."""
    for name in reversed(prefix.split('.')[:-1]):
        module = nn.ModuleDict({name: module})
    return module


@pytest.mark.parametrize('source', ['mmpose', 'mmpose_ext'])
@pytest.mark.parametrize('prefix', ['', 'head.', 'student.head.'])
@pytest.mark.parametrize(
    'change',
    [
        {},
        dict(deconv_out_channels=None),
        dict(conv_out_channels=(9, 7), conv_kernel_sizes=(3, 1)),
        dict(deconv_out_channels=(7, 9), deconv_kernel_sizes=(4, 3), final_layer=dict(kernel_size=3, padding=1)),
    ],
)
def test_checkpoints_of_heatmap_heads_load(source, prefix, change, tmp_path):
    """With no missing and no unexpected key, and back: strict loading raises at either."""
    ours = make_head(**change)
    theirs = mmpose_registry.MODELS.build(dict(SMALL | change, type=f'{source}.HeatmapHead', loss=MSE))
    spread(theirs, seed=1)
    torch.save(dict(state_dict=nested(theirs, prefix).state_dict()), tmp_path / 'heatmap.pth')
    load_checkpoint(nested(ours, prefix), str(tmp_path / 'heatmap.pth'), 'cpu', strict=True)
    features, _ = batch()
    with torch.no_grad():
        assert (ours.eval()(features) == theirs.eval()(features)).all()
    nested(theirs, prefix).load_state_dict(nested(spread(ours, seed=2), prefix).state_dict(), strict=True)


def test_initialisation_is_that_of_the_heatmap_head():
    heads = IntegralHead(**SMALL, loss_coord=L1), HeatmapHead(**SMALL)
    for head in heads:
        torch.manual_seed(0)
        head.init_weights()
    for (name, value), expected in zip(heads[0].state_dict().items(), heads[1].state_dict().values(), strict=True):
        assert (value == expected).all(), name


# ---------------------------------------------------------------------------------------------
# training


@every_variant
def test_both_ways_of_targets_give_the_same_loss(variant):
    head = spread(make_head(variant)).eval()
    features, samples = batch()
    drawn = head.loss(features, samples)
    packed = head.loss(features, pack_targets(samples, VARIANTS[variant]['decoder']))
    names = {'acc_pose'} | {f'loss_{kind}' for kind in ('coord', 'heatmap') if f'loss_{kind}' in VARIANTS[variant]}
    assert drawn.keys() == packed.keys() == names
    for name in names:
        np.testing.assert_allclose(drawn[name].item(), packed[name].item(), rtol=1e-6)


def targets_of(head, samples):
    return head.decoder.encode_batch(
        torch.cat([torch.from_numpy(sample.gt_instances.transformed_keypoints) for sample in samples]),
        torch.cat([torch.from_numpy(sample.gt_instances.keypoints_visible) for sample in samples]),
    )


@pytest.mark.parametrize(('debias', 'beta'), [(False, 1.0), (False, 10.0), (True, 10.0)])
def test_coordinate_loss_is_the_mean_distance_of_the_labelled(debias, beta):
    head = spread(make_head(beta=beta, debias=debias)).eval()
    features, samples = batch()
    targets = targets_of(head, samples)
    points = soft_argmax(head(features), beta, debias) / torch.tensor(HEATMAP)
    counted = targets['keypoint_weights'] > 0
    expected = (points - targets['keypoint_labels']).abs()[counted].mean()
    np.testing.assert_allclose(head.loss(features, samples)['loss_coord'].item(), expected.item(), rtol=1e-5)


@pytest.mark.parametrize('variant', ['H1', 'H2', 'H3'])
def test_heatmap_losses_are_torchs(variant):
    head = spread(make_head(variant)).eval()
    features, samples = batch()
    targets, logits = targets_of(head, samples), head(features)
    counted = targets['keypoint_weights'] > 0
    maps, wanted = logits[counted], targets['heatmaps'][counted]
    expected = {
        'H1': ((maps - wanted) ** 2).sum() / logits.numel(),  # MMPose's: over all joints
        'H2': nn.functional.cross_entropy(maps.flatten(1), wanted.flatten(1).argmax(-1)),
        'H3': nn.functional.binary_cross_entropy(maps.sigmoid(), wanted),
    }[variant]
    np.testing.assert_allclose(head.loss(features, samples)['loss_heatmap'].item(), expected.item(), rtol=1e-5)


@pytest.mark.parametrize('number', [1, 2, 3])
def test_both_losses_are_the_two(number):
    features, samples = batch()
    both, maps, coordinates = (
        spread(make_head(variant)).eval().loss(features, samples) for variant in (f'both, H{number}', f'H{number}', 'I')
    )
    assert both['loss_heatmap'] == maps['loss_heatmap']
    assert both['loss_coord'] == coordinates['loss_coord']
    assert both['acc_pose'] == coordinates['acc_pose']


@every_variant
def test_every_parameter_gets_a_gradient(variant):
    head = spread(make_head(variant), std=0.1).train()
    features, samples = batch()
    total(head.loss(features, samples)).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.isfinite().all(), name
        # moving a whole map changes no softmax
        moves_maps = name == 'final_layer.bias' and variant in ('H2', 'I', 'I l2', 'both, H2')
        assert parameter.grad.abs().sum() > 0 or moves_maps, name


@every_variant
def test_no_visible_joint_is_a_zero_loss_with_a_graph(variant):
    head = spread(make_head(variant))
    features, _ = batch()
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), np.zeros((3, JOINTS), np.float32), INPUT)
    losses = head.loss(features, samples)
    assert all(value == 0 for value in losses.values())
    total(losses).backward()
    assert all((parameter.grad == 0).all() for parameter in head.parameters())


@pytest.mark.parametrize('bad', [np.nan, np.inf])
@every_variant
def test_unknown_keypoints_do_not_reach_the_loss(variant, bad):
    head = spread(make_head(variant)).eval()
    features, samples = batch()
    samples[1].gt_instances.transformed_keypoints[0, 2] = bad
    losses = head.loss(features, samples)
    samples[1].gt_instances.transformed_keypoints[0, 2] = 5
    samples[1].gt_instances.keypoints_visible[0, 2] = 0
    assert losses == head.loss(features, samples)


@every_variant
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=['fp32', 'fp16', 'bf16'])
def test_it_trains_on_hard_logits_and_without_visible_joints(variant, dtype):
    if not can_autocast(dtype):
        pytest.skip(f'this torch does not train under autocast to {dtype} on the CPU')
    codec = VARIANTS[variant]['decoder'] | dict(heatmap_size=(12, 16))
    head = make_head(variant, in_channels=2, out_channels=3, deconv_out_channels=None, decoder=codec)
    nn.init.normal_(head.final_layer.weight, std=0.5)
    skipped = train_on_hard_batches(head, (12, 16), INPUT, dtype)
    # a mean square of large maps has gradients that float16 does not hold; nothing else has
    assert skipped <= (20 if dtype == torch.float16 and 'H1' in variant else 0)


@every_variant
def test_a_few_steps_of_training_find_the_joints(variant):
    """Maps that can be learned stand in for a network; every variant finds what it decodes."""
    # at 1 the softmax of a Gaussian with a maximum of 1 is nearly uniform: the two losses would want different maps
    head = bare_head(variant, **(dict(beta=10.0) if variant == 'both, H1' else {}))
    keypoints = random_keypoints(2, JOINTS, INPUT, margin=12)
    samples = make_samples(keypoints, None, INPUT)
    maps = [nn.Parameter(0.1 * torch.randn(2, JOINTS, *HEATMAP[::-1]))]
    optimizer = torch.optim.Adam(maps, lr=0.2)
    for _ in range(120):
        loss = total(head.loss(maps, samples, dict(compute_acc=False)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = np.linalg.norm(points_of(head.predict(maps, samples)) - keypoints, axis=-1)
    # H2 knows no place within a cell, H3 none within the disk
    assert error.mean() < {'H2': 2.5, 'both, H2': 2.5, 'H3': 15}.get(variant, 1.3)


@pytest.mark.parametrize('kind', ['L1Loss', 'SmoothL1Loss', 'MSELoss', 'WingLoss'])
def test_losses_of_mmpose_are_taken(kind):
    """Each of them weights points in its own way, with an axis of length 1 for x and y."""
    head = spread(make_head(loss_coord=dict(type=kind, use_target_weight=True))).eval()
    features, samples = batch()
    targets = targets_of(head, samples)
    points, weights = soft_argmax(head(features)) / torch.tensor(HEATMAP), targets['keypoint_weights'][..., None]
    expected = mmpose_registry.MODELS.build(dict(type=kind, use_target_weight=True))(
        points, targets['keypoint_labels'], weights.expand(-1, -1, 2)
    )
    np.testing.assert_allclose(head.loss(features, samples)['loss_coord'].item(), expected.item(), rtol=1e-5)


def test_accuracy_is_the_share_of_near_points():
    keypoints = np.array([[[10, 20], [30, 40], [50, 60], [70, 80], [20, 100], [48, 64]]], np.float32)
    there = keypoints + np.array([[0, 0], [4.5, 0], [5.5, 0], [0, 6], [0, 7], [20, 20]], np.float32)
    samples = make_samples(keypoints, np.array([[1, 1, 1, 1, 1, 0]], np.float32), INPUT)
    losses = bare_head('I').loss((logits_at(there),), samples)
    # 5 % of the sides: 4.8 pixels on x, 6.4 on y; the last joint does not count
    np.testing.assert_allclose(losses['acc_pose'], 3 / 5)
    assert not losses['acc_pose'].requires_grad
    assert 'acc_pose' not in bare_head('I').loss((logits_at(there),), samples, dict(compute_acc=False))
    # of the maxima, in whole cells
    whole = np.round(keypoints / 4) * 4
    assert bare_head('H2').loss((logits_at(whole),), samples)['acc_pose'] == 1


# ---------------------------------------------------------------------------------------------
# prediction


@pytest.mark.parametrize('decoding', ['integral', 'argmax', 'shift', 'dark'])
@every_variant
def test_decodings_find_a_joint(variant, decoding):
    """On maps as the variant's loss asks for them."""
    keypoints = random_keypoints(3, JOINTS, INPUT, margin=20)
    logits = logits_at(keypoints, sigma=1.0)
    if variant == 'H1' and decoding != 'integral':
        logits = logits.exp()
    head = bare_head(variant, decoding=decoding, debias=False, beta=1.0)
    predictions = head.predict((logits,), make_samples(keypoints, None, INPUT))
    error = np.abs(points_of(predictions) - keypoints).max()
    assert error < dict(integral=0.05, argmax=2.01, shift=1.2, dark=0.5)[decoding]  # pixels; a cell has 4
    assert ((scores_of(predictions) > 0) & (scores_of(predictions) <= 1)).all()


@pytest.mark.parametrize('decoding', ['argmax', 'shift', 'dark'])
def test_maxima_are_decoded_as_by_dark_heatmap(decoding):
    maps = network_like_maps(3 * JOINTS, HEATMAP, noise=0.005)[0].view(3, JOINTS, 32, 24)
    predictions = bare_head('H1', decoding=decoding).predict((maps,), batch()[1])
    codec = DarkHeatmap(**SIZES, decoding=decoding, blur_kernel_size=None)
    points, scores = codec.batch_decode(maps)
    np.testing.assert_allclose(points_of(predictions), np.concatenate(points), atol=1e-4)
    np.testing.assert_allclose(scores_of(predictions), np.concatenate(scores), rtol=1e-6)


def test_a_joint_6_pixels_from_the_border():
    """Beta 10, sigma 2 cells, maps of 64x48 with 4 pixels a cell: as the issue asks for."""
    sizes = dict(input_size=(192, 256), heatmap_size=(48, 64))
    codec = DarkHeatmap(**sizes, sigma=2.0)
    keypoints = np.array([[[6, 120], [185, 120], [96, 6], [96, 249], [6, 249], [96, 120]]], np.float32)
    maps = codec.encode_batch(torch.from_numpy(keypoints))['heatmaps']
    samples = make_samples(keypoints, None, sizes['input_size'])
    errors = {}
    for debias in (False, True):
        head = bare_head('I', beta=10.0, debias=debias, decoder=label(None, **sizes))
        errors[debias] = np.abs(points_of(head.predict((maps,), samples)) - keypoints)[0]
    assert errors[True].max() < 0.5
    assert (errors[False][:5].max(-1) > 4).all()
    assert errors[False][5].max() < 0.5, 'in the middle there is nothing to pull'


def mirrored(keypoints, samples):
    """The keypoints of the mirrored image: x at w - 1 - x, left and right swapped."""
    swapped = keypoints[:, samples[0].metainfo['flip_indices']].copy()
    swapped[..., 0] = INPUT[0] - 1 - swapped[..., 0]
    return swapped


@pytest.mark.parametrize('score', ['mass', 'spread', 'peak'])
def test_flip_test_of_an_exact_network_changes_nothing(score):
    keypoints = random_keypoints(3, JOINTS, INPUT, margin=28)
    samples = make_samples(keypoints, None, INPUT)
    views = [(logits_at(keypoints),), (logits_at(mirrored(keypoints, samples)),)]
    head = bare_head('I', score=score)
    once, twice = head.predict(views[0], samples), head.predict(views, samples, dict(flip_test=True))
    np.testing.assert_allclose(points_of(once), keypoints, atol=1e-3)
    np.testing.assert_allclose(points_of(twice), keypoints, atol=1e-3)
    # the place within a cell is another in the mirror
    np.testing.assert_allclose(scores_of(once), scores_of(twice), atol=0.03)
    half = points_of(head.predict(views, samples, dict(flip_test=True, shift_coords=False)))
    np.testing.assert_allclose(half - keypoints, np.broadcast_to((0.5, 0), half.shape), atol=1e-3)


@pytest.mark.parametrize('variant', ['H1', 'H2', 'H3'])
def test_flip_test_of_mirrored_maps_changes_nothing(variant):
    maps = network_like_maps(3 * JOINTS, HEATMAP, noise=0.005)[0].view(3, JOINTS, 32, 24)
    _, samples = batch()
    views = [(maps,), (maps.flip(-1)[:, samples[0].metainfo['flip_indices']],)]
    head = bare_head(variant)
    twice, fields = head.predict(views, samples, dict(flip_test=True, output_heatmaps=True))
    once = head.predict((maps,), samples)
    np.testing.assert_array_equal(points_of(twice), points_of(once))
    np.testing.assert_allclose(scores_of(twice), scores_of(once), rtol=1e-6)
    np.testing.assert_allclose(torch.stack([field.heatmaps for field in fields]), head.heatmaps(maps), rtol=1e-6)


def test_maxima_are_those_of_the_mean_map():
    """Where the views disagree the stronger one wins: the middle between them is no joint of either."""
    keypoints = np.broadcast_to(np.array([40, 64], np.float32), (1, JOINTS, 2))
    elsewhere = np.broadcast_to(np.array([80, 20], np.float32), (1, JOINTS, 2))
    samples = make_samples(keypoints, None, INPUT)
    for decoding in ('argmax', 'shift', 'dark'):
        head = bare_head('H1', decoding=decoding)
        for first, second in ((1.0, 0.5), (0.5, 1.0)):
            views = first * logits_at(keypoints).exp(), second * logits_at(mirrored(elsewhere, samples)).exp()
            points = points_of(head.predict([(view,) for view in views], samples, dict(flip_test=True)))
            # maps of 4 pixels a cell do not mirror at the middle of the pixels
            np.testing.assert_allclose(points, keypoints if first > second else elsewhere, atol=4.5)


def test_heatmaps_are_what_the_loss_trains():
    features, samples = batch()
    for variant in VARIANTS:
        head = spread(make_head(variant)).eval()
        logits = head(features).detach()
        predictions, fields = head.predict(features, samples, dict(output_heatmaps=True))
        maps = torch.stack([field.heatmaps for field in fields])
        expected = logits.flatten(2).mul(head.beta).softmax(-1).view(logits.shape)
        if variant in ('H1', 'H3'):
            expected = logits if variant == 'H1' else logits.sigmoid()
        assert len(predictions) == 3
        assert not maps.requires_grad
        np.testing.assert_allclose(maps, expected, rtol=1e-5)


@pytest.mark.parametrize('score', ['mass', 'spread', 'peak'])
@pytest.mark.parametrize('debias', [False, True])
def test_certain_maps_score_higher(score, debias):
    """The confidence that MMPose's head does not have: 1.0 for every joint."""
    keypoints = random_keypoints(1, JOINTS, INPUT, margin=30)
    head = bare_head('I', score=score, debias=debias)
    samples = make_samples(keypoints, None, INPUT)
    scores = [scores_of(head.predict((10 + logits_at(keypoints, sigma),), samples)) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert (np.diff(scores, axis=0) < 0).all()
    flat = scores_of(head.predict((torch.zeros(1, JOINTS, *HEATMAP[::-1]),), samples))
    assert (flat < scores[-1]).all()
    assert flat.max() < 0.1


def test_maps_of_another_size_than_the_codecs():
    """Points are shares of the map, whatever its size is: a head may be tested at another resolution."""
    keypoints = random_keypoints(1, JOINTS, (48, 64), margin=20)
    head = bare_head('I', decoder=label(None, input_size=(48, 64), heatmap_size=(12, 16)))
    logits = torch.zeros(1, JOINTS, 32, 24)
    for k, (x, y) in enumerate(np.round(keypoints[0] / 2).astype(int)):
        logits[0, k, y, x] = 50.0
    points = points_of(head.predict((logits,), make_samples(keypoints, None, (48, 64))))
    np.testing.assert_allclose(points, 2 * np.round(keypoints / 2), atol=1e-3)


# ---------------------------------------------------------------------------------------------
# programs made of it


class Network(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, feature):
        return self.head.decode_outputs(self.head.forward((feature,)))[:2]


def test_it_can_be_exported():
    """Layers, expectation and confidence in one graph: no branch of it looks at data."""
    if not hasattr(torch.export, 'Dim'):
        pytest.skip('torch.export of this torch (2.1) is a prototype')
    network = Network(spread(make_head('I debias'))).eval()
    first, other = make_features(2, 8, (12, 16))[0], make_features(2, 8, (12, 16), seed=1)[0]
    exported = torch.export.export(network, (first,)).module()
    with torch.no_grad():
        for found, expected in zip(exported(other), network(other), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize('variant', ['I', 'I debias'])
def test_it_can_be_traced(variant):
    network = Network(spread(make_head(variant))).eval()
    first, other = make_features(2, 8, (12, 16))[0], make_features(2, 8, (12, 16), seed=1)[0]
    with torch.no_grad():
        found, expected = torch.jit.trace(network, (first,))(other), network(other)
    for one, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, wanted, atol=1e-4)


# ---------------------------------------------------------------------------------------------
# every argument changes something


@pytest.mark.parametrize(
    ('variant', 'change', 'expected'),
    [
        ('I', dict(beta=2.0), 'loss'),
        ('I', dict(beta=2.0), 'points'),
        ('I', dict(debias=True), 'loss'),
        ('I', dict(debias=True), 'points'),
        ('I', dict(loss_coord=dict(L1, norm='l2')), 'loss'),
        ('I', dict(loss_coord=dict(L1, loss_weight=2.0)), 'loss'),
        ('I', dict(loss_coord=dict(L1, reduction='all')), 'loss'),
        ('I', dict(loss_heatmap=CE, decoder=label('one_hot')), 'loss'),
        ('I', dict(score='spread'), 'scores'),
        ('I', dict(score='peak'), 'scores'),
        ('I', dict(score_radius=3.0), 'scores'),
        ('I', dict(decoding='argmax'), 'points'),
        ('H1', dict(decoding='integral'), 'points'),
        ('H1', dict(decoding='dark'), 'points'),
        ('H1', dict(decoding='argmax'), 'points'),
        ('H1', dict(decoder=label(sigma=2.0)), 'loss'),
        ('H1', dict(loss_heatmap=dict(MSE, loss_weight=3.0)), 'loss'),
        ('H2', dict(loss_heatmap=dict(CE, beta=2.0)), 'loss'),
        ('H2', dict(loss_heatmap=dict(CE, reduction='batch')), 'loss'),
        ('H3', dict(loss_heatmap=dict(BCE, loss_weight=2.0)), 'loss'),
        ('H3', dict(decoder=label('disk', radius=8.0)), 'loss'),
        ('I', dict(deconv_out_channels=(12,)), 'weights'),
        ('I', dict(final_layer=dict(kernel_size=3, padding=1)), 'weights'),
        ('I', dict(init_cfg=dict(type='Constant', layer='Conv2d', val=0.5)), 'values'),
    ],
)
def test_every_argument_changes_something(variant, change, expected):
    plain, changed = make_head(variant), make_head(variant, **change)
    shapes = [{name: tuple(value.shape) for name, value in head.state_dict().items()} for head in (plain, changed)]
    assert (shapes[0] != shapes[1]) == (expected == 'weights')
    if expected == 'weights':
        return
    if expected == 'values':
        assert (changed.final_layer.weight == 0.5).all()
        return
    features, samples = batch()
    changed.load_state_dict(spread(plain).state_dict())
    plain.eval(), changed.eval()
    if expected == 'loss':
        assert total(plain.loss(features, samples)) != total(changed.loss(features, samples))
        return
    first, second = (head.predict(features, samples) for head in (plain, changed))
    assert (points_of(first) != points_of(second)).any() == (expected == 'points')
    assert (scores_of(first) != scores_of(second)).any() or expected == 'points'


def test_config_is_left_alone():
    change = dict(loss_coord=dict(L1), loss_heatmap=dict(MSE), decoder=label())
    kept = copy.deepcopy(change)
    make_head(**change)
    assert change == kept


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(beta=0), r"'beta' must be a finite number > 0, got 0"),
        (dict(score='entropy'), r"'score' must be one of 'mass', 'spread', 'peak', got 'entropy'"),
        (dict(score_radius=-1.0), r"'score_radius' must be a finite number > 0, got -1\.0"),
        (dict(decoding='max'), r"'decoding' must be one of 'integral', 'argmax', 'shift', 'dark', got 'max'"),
        (dict(loss_coord=None), r"'loss_coord' and 'loss_heatmap' must not both be None"),
        (dict(deconv_kernel_sizes=(5,)), r"'deconv_kernel_sizes' must hold only 2, 3 or 4, got 5"),
        (dict(loss_coord=dict(L1, norm='l3')), r"'norm' must be one of 'l1', 'l2', got 'l3'"),
        (dict(decoder=label('circle')), r"'heatmap_type' must be one of .*, got 'circle'"),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        make_head(**change)


@pytest.mark.parametrize(
    ('variant', 'codec', 'message'),
    [
        ('H1', label(None), r"'heatmap_type' of the codec must not be None where the head has a 'loss_heatmap', got"),
        ('H1', label(heatmap_size=(12, 16)), r"'heatmap_size' of the codec must be the size of the head's maps: .*"),
        (
            'I',
            dict(type='mmpose_ext.DarkHeatmap', **SIZES),
            r"'decoder' must be a codec that encodes 'keypoint_labels' for this head, got \['heatmaps', 'keypoint_w",
        ),
        ('I', label(None, input_size=(48, 64)), r"'input_size' of the pipeline must be that of the head's codec, "),
    ],
)
def test_codecs_that_do_not_fit(variant, codec, message):
    features, samples = batch()
    with pytest.raises(ValueError, match=message):
        make_head(variant, decoder=codec).loss(features, samples)


def test_flip_test_needs_two_views():
    features, samples = batch()
    with pytest.raises(ValueError, match=r"'feats' must be a list .* with flip_test=True, got tuple of length 1"):
        make_head().predict(features, samples, dict(flip_test=True))


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
@every_variant
def test_a_training_step_does_not_wait_for_the_gpu(variant):
    head = spread(make_head(variant)).cuda()
    features, samples = batch()
    features = tuple(feature.cuda() for feature in features)
    head.loss(features, samples)
    torch.cuda.set_sync_debug_mode('error')
    try:
        total(head.loss(features, samples)).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
