import copy
import pickle

import numpy as np
import pytest
import torch
from helpers import gaussian_targets_loop, make_features, make_samples, random_keypoints
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData

from mmpose_ext.models.heads import HeatmapHead, IntegralHead, MultiStageHead
from mmpose_ext.models.utils import targets as targets_module
from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

INPUT, HEATMAP, JOINTS = (64, 96), (16, 24), 4
DARK = dict(type='mmpose_ext.DarkHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=1.5, blur_kernel_size=7)
LABEL = dict(type='mmpose_ext.IntegralLabel', input_size=INPUT, heatmap_size=HEATMAP, heatmap_type='disk')
HEATMAPS = dict(type='mmpose_ext.HeatmapHead')
INTEGRAL = dict(type='mmpose_ext.IntegralHead', loss_coord=dict(type='mmpose_ext.CoordinateLoss'))
BOTH = dict(INTEGRAL, loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss'))
MAXIMA = dict(type='mmpose_ext.IntegralHead', loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss'))
SIZES = (4, 6), (8, 12), (16, 24)  # of HG-Int

every_head = pytest.mark.parametrize(
    ('head', 'decoder'),
    [(HEATMAPS, DARK), (INTEGRAL, LABEL), (BOTH, LABEL), (MAXIMA, dict(LABEL, decoding='shift'))],
    ids=['heatmaps', 'integral', 'both', 'maxima'],
)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def staged(head=HEATMAPS, decoder=DARK, joints=JOINTS, **change):
    return MultiStageHead(**{**dict(out_channels=joints, head=head, decoder=decoder), **change})


def inner(head, decoder, joints=JOINTS):
    """The same head by itself, for the last maps."""
    return MODELS.build(
        dict(head, in_channels=joints, out_channels=joints, deconv_out_channels=None, final_layer=None, decoder=decoder)
    )


def hourglass_int(stacks=1):
    """Heads of HG-Int: supervision at the two next lower resolutions, too."""
    return [dict(HEATMAPS, decoder=dict(heatmap_size=size)) for size in SIZES] * stacks


def stages(count=2, batch=3, joints=JOINTS, sizes=None, seed=0):
    """Maps of each stage, as parameters, so that their gradients can be looked at."""
    sizes = sizes or [HEATMAP] * count
    return tuple(
        make_features(batch, joints, size, seed + stage)[0].requires_grad_() for stage, size in enumerate(sizes)
    )


def people(batch=3, joints=JOINTS, seed=0):
    keypoints = random_keypoints(batch, joints, INPUT, margin=-4, seed=seed)
    visible = (np.random.default_rng(seed).random((batch, joints)) < 0.7).astype(np.float32)
    visible[0, 0] = 1
    return make_samples(keypoints, visible, INPUT)


def pack(samples, decoder=DARK):
    """The same samples as a pipeline with GenerateTarget leaves them."""
    codec, packed = KEYPOINT_CODECS.build(dict(decoder)), []
    for sample in samples:
        instances = sample.gt_instances
        encoded = codec.encode(instances.transformed_keypoints, instances.keypoints_visible)
        other = sample.clone()
        other.gt_instances = InstanceData(keypoints_visible=instances.keypoints_visible)
        other.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded.pop('heatmaps')))
        other.gt_instance_labels = InstanceData(**{name: torch.from_numpy(value) for name, value in encoded.items()})
        packed.append(other)
    return packed


def total(losses):
    """The loss as MMEngine's runner adds it up."""
    return sum(value for name, value in losses.items() if 'loss' in name)


def points_of(predictions):
    return np.concatenate([prediction.keypoints for prediction in predictions])


def mean_square_loop(maps, samples, size, sigma=1.5):
    """Weighted mean square of maps (B, K, H, W) to Gaussians, joint by joint."""
    squares = []
    for person, sample in zip(maps.detach().double().numpy(), samples, strict=True):
        points, flags = sample.gt_instances.transformed_keypoints[0], sample.gt_instances.keypoints_visible[0]
        centers = [[x * size[0] / INPUT[0], y * size[1] / INPUT[1]] for x, y in points]
        targets, weights = gaussian_targets_loop(np.array(centers), flags, size, sigma, unbiased=True)
        for drawn, target, weight in zip(person, targets, weights, strict=True):
            squares.append(weight * (drawn - target) ** 2)
    return np.mean(squares)


def mean_distance_loop(maps, samples):
    """Mean L1 distance of expectations from the visible joints inside of the image, in normalized coordinates."""
    distances = []
    for person, sample in zip(maps.detach().double().numpy(), samples, strict=True):
        points, flags = sample.gt_instances.transformed_keypoints[0], sample.gt_instances.keypoints_visible[0]
        for drawn, (x, y), flag in zip(person, points, flags, strict=True):
            if not (flag and 0 <= x <= INPUT[0] - 1 and 0 <= y <= INPUT[1] - 1):
                continue
            mass = np.exp(drawn - drawn.max())
            rows, columns = np.mgrid[: drawn.shape[0], : drawn.shape[1]]
            found = [(cells * mass).sum() / mass.sum() for cells in (columns, rows)]
            distances.append(abs(found[0] / drawn.shape[1] - x / INPUT[0]))
            distances.append(abs(found[1] / drawn.shape[0] - y / INPUT[1]))
    return np.mean(distances)


# ---------------------------------------------------------------------------------------------
# losses


@pytest.mark.parametrize('weights', [None, (1, 1, 1), (0.5, 2, 0.25)])
def test_every_stage_has_the_loss_of_its_maps(weights):
    maps, samples = stages(3), people()
    losses = staged(loss_weights=weights).loss(maps, samples, dict(compute_acc=False))
    assert [*losses] == ['stage0.loss_kpt', 'stage1.loss_kpt', 'stage2.loss_kpt']
    for stage, value in enumerate(losses.values()):
        expected = mean_square_loop(maps[stage], samples, HEATMAP) * (1 if weights is None else weights[stage])
        np.testing.assert_allclose(value.item(), expected, rtol=1e-5)


def test_every_stage_has_the_loss_of_its_expectation():
    maps, samples = stages(2), people()
    losses = staged(INTEGRAL, LABEL).loss(maps, samples, dict(compute_acc=False))
    assert [*losses] == ['stage0.loss_coord', 'stage1.loss_coord']
    for stage, value in enumerate(losses.values()):
        np.testing.assert_allclose(value.item(), mean_distance_loop(maps[stage], samples), rtol=1e-5)


@every_head
def test_losses_and_accuracy_are_those_of_the_heads_alone(head, decoder):
    maps, samples = stages(3), people()
    losses = staged(head, decoder, loss_weights=(1, 3, 2)).loss(maps, samples)
    alone = [inner(head, decoder).loss((one,), samples) for one in maps]
    for stage, (weight, expected) in enumerate(zip((1, 3, 2), alone, strict=True)):
        for name in expected:
            if 'loss' in name:
                assert losses.pop(f'stage{stage}.{name}') == weight * expected[name]
    assert losses == dict(acc_pose=alone[-1]['acc_pose'])


def test_stages_of_several_resolutions():
    maps, samples = stages(sizes=SIZES * 2), people()
    losses = staged(hourglass_int(2)).loss(maps, samples, dict(compute_acc=False))
    for stage, (value, size) in enumerate(zip(losses.values(), SIZES * 2, strict=True)):
        np.testing.assert_allclose(value.item(), mean_square_loop(maps[stage], samples, size), rtol=1e-5)


def test_joints_without_a_label_weigh_in_every_stage():
    """Newell's maps of zeros, at every resolution; one stage leaves such joints out."""
    maps, samples = stages(sizes=SIZES), people()
    heads = [dict(head, unlabeled_weight=weight) for head, weight in zip(hourglass_int(), (1, 0, 0.5), strict=True)]
    losses = staged(heads).loss(maps, samples)
    labels = np.concatenate([sample.gt_instances.keypoints_visible for sample in samples])
    assert labels.min() == 0
    for stage, (weight, size) in enumerate(zip((1, 0, 0.5), SIZES, strict=True)):
        zeros = (maps[stage].detach().double() ** 2).mean((2, 3)).numpy()
        expected = mean_square_loop(maps[stage], samples, size) + weight * (zeros * (1 - labels)).mean()
        np.testing.assert_allclose(losses[f'stage{stage}.loss_kpt'].item(), expected, rtol=1e-5)
    assert losses['acc_pose'] == staged(hourglass_int()).loss(maps, samples)['acc_pose']


def test_coordinates_need_no_size():
    """Normalized coordinates are the same on maps of every size."""
    maps, samples = stages(sizes=SIZES), people()
    losses = staged(INTEGRAL, dict(LABEL, heatmap_type=None)).loss(maps, samples, dict(compute_acc=False))
    for stage, value in enumerate(losses.values()):
        np.testing.assert_allclose(value.item(), mean_distance_loop(maps[stage], samples), rtol=1e-5)


def test_heads_may_differ():
    maps, samples = stages(2), people()
    losses = staged([dict(MAXIMA), dict(INTEGRAL)], LABEL).loss(maps, samples, dict(compute_acc=False))
    assert [*losses] == ['stage0.loss_heatmap', 'stage1.loss_coord']
    assert losses['stage0.loss_heatmap'] == inner(MAXIMA, LABEL).loss(maps[:1], samples)['loss_heatmap']
    np.testing.assert_allclose(losses['stage1.loss_coord'].item(), mean_distance_loop(maps[1], samples), rtol=1e-5)


def test_a_weight_of_zero_is_no_loss_and_no_work(monkeypatch):
    head = staged(hourglass_int(), loss_weights=(0, 0.5, 1))
    maps, samples = stages(sizes=SIZES), people()
    for name in ('postprocess', 'losses'):
        monkeypatch.setattr(head.heads[0], name, None)
    monkeypatch.setattr(head.heads[0].decoder, 'encode_batch', None)
    losses = head.loss(maps, samples)
    assert [*losses] == ['stage1.loss_kpt', 'stage2.loss_kpt', 'acc_pose']
    total(losses).backward()
    assert maps[0].grad is None
    assert maps[1].grad.abs().sum() > 0
    assert maps[2].grad.abs().sum() > 0


def test_gradients_are_those_of_the_weighted_sum():
    maps, samples = stages(2), people()
    total(staged(loss_weights=(0.5, 1)).loss(maps, samples)).backward()
    for one, weight in zip(maps, (0.5, 1), strict=True):
        alone = one.detach().clone().requires_grad_()
        inner(HEATMAPS, DARK).loss((alone,), samples)['loss_kpt'].backward()
        np.testing.assert_allclose(one.grad, weight * alone.grad, rtol=1e-6)


# ---------------------------------------------------------------------------------------------
# targets


def calls_of(monkeypatch, owner, name):
    """Arguments of every call of a method or function, which does its work."""
    seen, original = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *arguments: seen.append(arguments) or original(*arguments))
    return seen


@pytest.mark.parametrize(
    ('head', 'sizes', 'codecs'),
    [(HEATMAPS, [HEATMAP] * 4, 1), ([dict(HEATMAPS)] * 4, [HEATMAP] * 4, 1), (hourglass_int(4), SIZES * 4, 3)],
)
def test_equal_codecs_draw_their_targets_once(monkeypatch, head, sizes, codecs):
    net = staged(head)
    different = {id(one.decoder): one.decoder for one in net.heads}
    assert len(different) == codecs
    drawn = [calls_of(monkeypatch, codec, 'encode_batch') for codec in different.values()]
    gathered = calls_of(monkeypatch, targets_module, 'gather_keypoints')
    net.loss(stages(sizes=sizes), people())
    assert [len(calls) for calls in drawn] == [1] * codecs
    assert len(gathered) == 1


@every_head
def test_both_ways_of_targets_give_the_same_losses(head, decoder):
    net, maps, samples = staged(head, decoder), stages(2), people()
    drawn, packed = net.loss(maps, samples), net.loss(maps, pack(samples, decoder))
    assert drawn.keys() == packed.keys()
    for name in drawn:
        np.testing.assert_allclose(drawn[name].item(), packed[name].item(), rtol=1e-6)


def test_the_codec_is_the_last_stages():
    net = staged(hourglass_int())
    assert [one.decoder.heatmap_size for one in net.heads] == list(SIZES)
    assert all(one.decoder.sigma == 1.5 for one in net.heads), 'the rest is that of all stages'
    assert net.decoder is net.heads[-1].decoder
    own = staged([dict(HEATMAPS, decoder=DARK)], None)
    assert own.decoder.heatmap_size == HEATMAP


@pytest.mark.parametrize('kind', ['invisible', 'outside', 'unknown'])
@every_head
def test_nothing_to_learn_is_a_zero_loss_with_a_graph(head, decoder, kind):
    maps, samples = stages(2), people()
    for sample in samples:
        instances = sample.gt_instances
        if kind == 'invisible':
            instances.keypoints_visible[:] = 0
        else:
            instances.transformed_keypoints[:] = np.nan if kind == 'unknown' else 1e6
    losses = staged(head, decoder).loss(maps, samples)
    assert total(losses) == 0
    assert losses['acc_pose'] == 0
    total(losses).backward()
    assert all((one.grad == 0).all() for one in maps)


def test_accuracy_is_that_of_the_last_stage():
    samples = people()
    codec = KEYPOINT_CODECS.build(dict(DARK))
    points, flags = (
        torch.from_numpy(np.concatenate([sample.gt_instances[name] for sample in samples]))
        for name in ('transformed_keypoints', 'keypoints_visible')
    )
    perfect, flat = codec.encode_batch(points, flags)['heatmaps'], torch.zeros(3, JOINTS, *HEATMAP[::-1])
    assert staged().loss((flat, perfect), samples)['acc_pose'] == 1
    assert staged().loss((perfect, flat), samples)['acc_pose'] < 1
    assert 'acc_pose' not in staged().loss((perfect, flat), samples, dict(compute_acc=False))


# ---------------------------------------------------------------------------------------------
# predictions


@every_head
@pytest.mark.parametrize('flip', [{}, dict(flip_test=True), dict(flip_test=True, shift_heatmap=True)])
def test_predictions_are_those_of_the_head_on_the_last_maps(head, decoder, flip):
    maps, mirrored, samples = stages(3), stages(3, seed=7), people()
    test_cfg = dict(flip, output_heatmaps=True)
    found, fields = staged(head, decoder).predict([maps, mirrored] if flip else maps, samples, test_cfg)
    expected, drawn = inner(head, decoder).predict([maps[-1:], mirrored[-1:]] if flip else maps[-1:], samples, test_cfg)
    np.testing.assert_array_equal(points_of(found), points_of(expected))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.keypoint_scores, other.keypoint_scores)
    for one, other in zip(fields, drawn, strict=True):
        assert (one.heatmaps == other.heatmaps).all()
        assert not one.heatmaps.requires_grad


def test_earlier_stages_do_not_reach_the_prediction():
    maps, samples = stages(2), people()
    expected = points_of(staged().predict(maps, samples))
    with torch.no_grad():
        maps[0].fill_(torch.nan)
    np.testing.assert_array_equal(points_of(staged().predict(maps, samples)), expected)
    assert np.isfinite(expected).all()


def test_predictions_of_several_resolutions():
    """The last maps are the largest."""
    maps, samples = stages(sizes=SIZES), people()
    expected = inner(HEATMAPS, DARK).predict(maps[-1:], samples)
    np.testing.assert_array_equal(points_of(staged(hourglass_int()).predict(maps, samples)), points_of(expected))


def test_maps_go_through_as_they_are():
    maps = stages(3)
    for one, other in zip(staged()(maps), maps, strict=True):
        assert one is other
    assert len(MultiStageHead(JOINTS, HEATMAPS)(list(maps))) == 3, 'without a codec, too'


# ---------------------------------------------------------------------------------------------
# low precision


@every_head
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_low_precision(head, decoder, dtype):
    net, samples = staged(head, decoder), people()
    maps = stages(2)
    low = tuple(one.detach().to(dtype).requires_grad_() for one in maps)
    expected, losses = net.loss(maps, samples), net.loss(low, samples)
    for name in expected:
        assert losses[name].dtype == torch.float32
        if 'loss' in name:
            np.testing.assert_allclose(losses[name].item(), expected[name].item(), rtol=0.02)
    total(losses).backward()
    assert all(one.grad.dtype == dtype and one.grad.isfinite().all() for one in low)
    with torch.no_grad():
        assert np.isfinite(points_of(net.predict(low, samples))).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_autocast_changes_nothing(dtype):
    """There is no layer; the losses are computed in the type of the targets."""
    net, maps, samples = staged(BOTH, LABEL), stages(2), people()
    expected = net.loss(maps, samples)
    with torch.autocast('cpu', dtype):
        losses = net.loss(maps, samples)
    assert losses == expected


# ---------------------------------------------------------------------------------------------
# in a network


def estimator(backbone, head=HEATMAPS, decoder=DARK, **change):
    head = dict(type='mmpose_ext.MultiStageHead', out_channels=JOINTS, head=head, decoder=decoder, **change)
    return MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=backbone,
            head=head,
            data_preprocessor=dict(type='BaseDataPreprocessor'),
        )
    )


RESNET = dict(
    type='mmpose_ext.MultiStageResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    num_keypoints=JOINTS,
    deconv_out_channels=(8, 8, 8),
)
HOURGLASS = dict(
    type='mmpose_ext.StackedHourglass',
    num_stacks=2,
    feat_channels=8,
    stem_channels=(8, 8, 8),
    depth=3,
    num_keypoints=JOINTS,
)
every_backbone = pytest.mark.parametrize('backbone', [RESNET, HOURGLASS], ids=['resnet', 'hourglass'])


@every_backbone
@pytest.mark.parametrize('weights', [None, (0, 1)])
def test_every_parameter_of_a_network_gets_a_gradient(backbone, weights):
    """With a loss on the last stage alone, too: distributed training needs no special setting."""
    model = estimator(backbone, loss_weights=weights)
    model.init_weights()
    model.train()
    samples = people()
    losses = model.loss(torch.rand(3, 3, *INPUT[::-1]), samples)
    loss, logged = model.parse_losses(losses)
    np.testing.assert_allclose(loss.item(), total(losses).item(), rtol=1e-6)
    assert [name for name in logged if 'loss' in name][1:] == [
        f'stage{n}.loss_kpt' for n in range(2) if weights is None or n
    ]
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_maps_inside_of_an_hourglass():
    model = estimator(dict(HOURGLASS, inner_predictions=2), hourglass_int(2))
    losses = model.loss(torch.rand(3, 3, *INPUT[::-1]), people())
    assert len(losses) == 7
    assert all(value.isfinite() for value in losses.values())


@every_backbone
def test_integral_training_starts_from_maps(backbone):
    """MS-I1 from MS-H1: no missing and no unexpected weight, and none of the head's."""
    first, second = estimator(backbone), estimator(backbone, INTEGRAL, LABEL)
    assert not [name for name in first.state_dict() if name.startswith('head')]
    second.load_state_dict(first.state_dict(), strict=True)
    first.eval(), second.eval()
    picture = torch.rand(1, 3, *INPUT[::-1])
    with torch.no_grad():
        for one, other in zip(first(picture, None), second(picture, None), strict=True):
            assert (one == other).all()


@every_backbone
def test_a_network_predicts_in_the_flip_test(backbone):
    model = estimator(backbone)
    model.test_cfg = dict(flip_test=True, shift_heatmap=True)
    model.eval()
    samples = people(batch=2)
    for sample in samples:
        sample.set_metainfo(dict(input_center=np.array([32.0, 48.0]), input_scale=np.array([64.0, 96.0])))
        sample.gt_instances.bboxes, sample.gt_instances.bbox_scores = np.zeros((1, 4)), np.ones(1)
    with torch.no_grad():
        results = model.predict(torch.rand(2, 3, *INPUT[::-1]), samples)
    for result in results:
        assert result.pred_instances.keypoints.shape == (1, JOINTS, 2)
        assert np.isfinite(result.pred_instances.keypoints).all()


def test_a_few_steps_of_training_bring_all_stages_down():
    model = estimator(RESNET)
    model.init_weights()
    model.train()
    samples, pictures = people(batch=2), torch.rand(2, 3, *INPUT[::-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = []
    for _ in range(15):
        losses = model.loss(pictures, samples)
        optimizer.zero_grad()
        total(losses).backward()
        optimizer.step()
        history.append([losses[f'stage{n}.loss_kpt'].item() for n in range(2)])
    assert (np.array(history[-1]) < 0.7 * np.array(history[0])).all()


# ---------------------------------------------------------------------------------------------
# settings


@every_head
def test_it_survives_config_pickle_and_copy(head, decoder):
    config = dict(
        type='mmpose_ext.MultiStageHead', out_channels=JOINTS, head=[head, head], decoder=decoder, loss_weights=(0.5, 1)
    )
    net = MODELS.build(config)
    assert not net.state_dict()
    rebuilt = MODELS.build(Config.fromstring(Config(dict(it=config)).pretty_text, '.py').it)
    maps, samples = stages(2), people()
    for other in (rebuilt, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert repr(other) == repr(net)
        assert other.heads[0].decoder is other.heads[1].decoder
        assert other.loss(maps, samples) == net.loss(maps, samples)
        np.testing.assert_array_equal(points_of(other.predict(maps, samples)), points_of(net.predict(maps, samples)))


def test_config_is_left_alone():
    heads, codec = hourglass_int(), dict(DARK)
    staged(heads, codec)
    assert heads == hourglass_int()
    assert codec == DARK


def test_inputs_are_left_alone():
    maps, samples = stages(2), people()
    before = [one.detach().clone() for one in maps]
    for head, decoder in ((HEATMAPS, DARK), (BOTH, LABEL)):
        net = staged(head, decoder)
        first, second = net.loss(maps, samples), net.loss(maps, samples)
        assert first == second
        net.predict(maps, samples)
    assert all((one == other).all() for one, other in zip(maps, before, strict=True))


def test_heads_are_those_that_were_named():
    net = staged([HEATMAPS, dict(INTEGRAL, beta=2.0)], LABEL)
    assert [type(one) for one in net.heads] == [HeatmapHead, IntegralHead]
    assert net.heads[1].beta == 2.0
    assert net.heads[0].in_channels == net.heads[0].out_channels == net.out_channels == JOINTS


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(head=[]), r"'head' must be a config or a sequence of them, got an empty one"),
        (dict(head=[HEATMAPS], loss_weights=(1, 1)), r"'loss_weights' .* each of the 1 heads, got \(1, 1\)"),
        (dict(head=[HEATMAPS] * 3, loss_weights=(1, 1)), r"'loss_weights' .* each of the 3 heads, got \(1, 1\)"),
        (dict(loss_weights=()), r"'loss_weights' must be finite numbers >= 0, .* got \(\)"),
        (dict(loss_weights=(1, -1, 1)), r"'loss_weights' must be finite numbers >= 0, .* got \(1, -1, 1\)"),
        (dict(loss_weights=(1, 0)), r"'loss_weights' .* the last one > 0 because it is the prediction, got \(1, 0\)"),
        (dict(loss_weights=(float('nan'), 1)), r"'loss_weights' must be finite .* got \(nan, 1\)"),
        (dict(loss_weights=('1', 1)), r"'loss_weights' must be finite .* got \('1', 1\)"),
        (dict(head=dict(type='HeatmapHead')), r"'head' must be a HeatmapHead or IntegralHead .* got 'HeatmapHead'"),
        (dict(head=dict(HEATMAPS, final_layer={})), r"'head' must have no layers .* got \['final_layer\.weight', "),
        (dict(head=dict(HEATMAPS, deconv_out_channels=(4, 4, 4))), r"'head' must have no layers .*'deconv_layers\.0"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        staged(**change)


@pytest.mark.parametrize('change', [dict(loss_weights=(1, 1)), dict(head=[HEATMAPS] * 2)])
def test_another_number_of_stages(change):
    for method in ('forward', 'loss', 'predict'):
        arguments = () if method == 'forward' else (people(),)
        with pytest.raises(ValueError, match=r"'feats' must hold maps of 2 stages, got 3"):
            getattr(staged(**change), method)(stages(3), *arguments)


def test_no_maps_at_all():
    with pytest.raises(ValueError, match=r"'feats' must hold maps of one or more stages, got 0"):
        staged()(())


@pytest.mark.parametrize('feature', [torch.rand(2, 512, 3, 2), torch.rand(2, JOINTS)])
def test_features_that_are_no_maps(feature):
    with pytest.raises(ValueError, match=r"'feats\[1\]' must have shape \(B, K, H, W\) with K=4, got shape"):
        staged()((torch.rand(2, JOINTS, 24, 16), feature))


@pytest.mark.parametrize('way', ['drawn', 'packed'])
def test_a_stage_of_another_size_than_its_codecs(way):
    samples = people() if way == 'drawn' else pack(people())
    with pytest.raises(
        ValueError, match=r"'heatmap_size' of the codec .*\(3, 4, 12, 8\), got targets .*\(3, 4, 24, 16\)"
    ):
        staged().loss(stages(sizes=SIZES[1:]), samples)


def test_input_size_of_the_pipeline_differs():
    samples = people()
    samples[1].set_metainfo(dict(input_size=(128, 128)))
    with pytest.raises(ValueError, match=r"'input_size' of the pipeline .* \(64, 96\), got \(128, 128\)"):
        staged(hourglass_int()).loss(stages(sizes=SIZES), samples)


def test_codec_that_cannot_draw():
    with pytest.raises(ValueError, match=r"'decoder' must be a codec with encode_batch\(\) .* got NoneType"):
        staged(decoder=None).loss(stages(2), people())


def test_flip_test_needs_both_features():
    with pytest.raises(ValueError, match=r"'feats' must be a list \[features, features of the mirrored .* got tuple"):
        staged().predict(stages(2), people(), dict(flip_test=True))


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
@pytest.mark.parametrize(
    ('head', 'decoder', 'sizes'), [(hourglass_int(2), DARK, SIZES * 2), (BOTH, LABEL, [HEATMAP] * 2)]
)
def test_a_training_step_does_not_wait_for_the_gpu(head, decoder, sizes):
    net, samples = staged(head, decoder), people()
    maps = tuple(one.detach().cuda().requires_grad_() for one in stages(sizes=sizes))
    total(net.loss(maps, samples)).backward()  # the first step may load kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        total(net.loss(maps, samples)).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
