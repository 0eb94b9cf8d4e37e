import inspect

import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, network_like_maps, random_keypoints
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mmpose import registry as mmpose_registry
from mmpose.codecs import MSRAHeatmap
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs

from mmpose_ext.codecs import DarkHeatmap

INPUT, HEATMAP = (192, 256), (48, 64)
SIZES = dict(input_size=INPUT, heatmap_size=HEATMAP)
REPEATABLE = settings(max_examples=40, deadline=None, derandomize=True)


def decoded(codec, maps):
    """Keypoints (B, K, 2) and scores (B, K) of maps (B, K, H, W) as arrays."""
    keypoints, scores = codec.batch_decode(maps)
    return np.concatenate(keypoints), np.concatenate(scores)


# ---------------------------------------------------------------------------------------------
# contract


def test_signature_is_the_agreed_one():
    parameters = inspect.signature(DarkHeatmap).parameters
    empty = inspect.Parameter.empty
    assert {name: parameter.default for name, parameter in parameters.items()} == dict(
        input_size=empty,
        heatmap_size=empty,
        sigma=2.0,
        encoding='unbiased',
        decoding='dark',
        blur_kernel_size=11,
        max_offset=2.0,
    )


def test_mmpose_builds_it_by_its_name(mmpose_scope):
    config = dict(type='mmpose_ext.DarkHeatmap', **SIZES)
    assert type(mmpose_registry.KEYPOINT_CODECS.build(config)) is DarkHeatmap


@pytest.mark.parametrize('encoding', ['unbiased', 'biased'])
def test_encode_batch_is_encode_stacked(encoding):
    keypoints = random_keypoints(6, 17, INPUT, margin=-40)
    keypoints[2, 3] = np.nan
    visible = (np.random.default_rng(1).random((6, 17)) < 0.8).astype(np.float32)
    codec = DarkHeatmap(**SIZES, encoding=encoding)
    batch = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    for n in range(6):
        single = codec.encode(keypoints[n : n + 1], visible[n : n + 1])
        assert single['heatmaps'].dtype == single['keypoint_weights'].dtype == np.float32
        assert single['heatmaps'].shape == (17, 64, 48)
        assert single['keypoint_weights'].shape == (1, 17)
        np.testing.assert_allclose(batch['heatmaps'][n], single['heatmaps'], atol=1e-6)
        np.testing.assert_array_equal(batch['keypoint_weights'][n], single['keypoint_weights'][0])


@pytest.mark.parametrize('dtype', [np.float64, np.float16, np.int64])
def test_other_keypoint_types_are_drawn_in_float32(dtype):
    codec = DarkHeatmap(**SIZES)
    keypoints = random_keypoints(1, 5, INPUT).astype(dtype)
    expected = codec.encode(keypoints.astype(np.float32))
    for encoded in (codec.encode(keypoints), codec.encode_batch(torch.from_numpy(keypoints))):
        maps, weights = np.asarray(encoded['heatmaps']), np.asarray(encoded['keypoint_weights'])
        assert maps.dtype == weights.dtype == np.float32
        np.testing.assert_allclose(maps.reshape(5, 64, 48), expected['heatmaps'], atol=1e-6)


def test_without_visibility_every_joint_is_labelled():
    codec = DarkHeatmap(**SIZES)
    keypoints = random_keypoints(1, 5, INPUT)
    assert codec.encode(keypoints)['keypoint_weights'].tolist() == [[1.0] * 5]
    assert codec.encode_batch(torch.from_numpy(keypoints))['keypoint_weights'].tolist() == [[1.0] * 5]


def test_decode_is_batch_decode_of_one():
    maps = network_like_maps(3 * 17, HEATMAP)[0].view(3, 17, 64, 48)
    codec = DarkHeatmap(**SIZES)
    keypoints, scores = codec.batch_decode(maps)
    assert len(keypoints) == len(scores) == 3
    for n in range(3):
        single = codec.decode(maps[n].numpy())
        assert single[0].shape == keypoints[n].shape == (1, 17, 2)
        assert single[1].shape == scores[n].shape == (1, 17)
        assert single[0].dtype == keypoints[n].dtype == scores[n].dtype == single[1].dtype == np.float32
        np.testing.assert_allclose(single[0], keypoints[n], atol=1e-4)
        np.testing.assert_array_equal(single[1], scores[n])


def test_inputs_are_left_alone():
    codec = DarkHeatmap(**SIZES)
    maps = network_like_maps(17, HEATMAP)[0]
    keypoints, visible = random_keypoints(1, 17, INPUT), np.ones((1, 17), np.float32)
    kept = [maps.clone(), keypoints.copy(), visible.copy()]
    codec.decode(maps.numpy())
    codec.batch_decode(maps[None])
    codec.encode(keypoints, visible)['keypoint_weights'][:] = 7
    codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))['keypoint_weights'][:] = 7
    for array, before in zip((maps, keypoints, visible), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_outputs_with_gradients_and_lower_precision():
    maps = network_like_maps(17, HEATMAP)[0][None]
    codec = DarkHeatmap(**SIZES)
    expected = decoded(codec, maps)
    np.testing.assert_array_equal(decoded(codec, maps.clone().requires_grad_())[0], expected[0])
    for dtype in (torch.float16, torch.bfloat16):
        keypoints, scores = decoded(codec, maps.to(dtype))
        np.testing.assert_array_equal(keypoints, decoded(codec, maps.to(dtype).float())[0])
        np.testing.assert_allclose(scores, expected[1], rtol=1e-2)


# ---------------------------------------------------------------------------------------------
# against the official arrays and MMPose


@pytest.mark.parametrize('case', ['a', 'b', 'c'])
def test_encode_equals_the_released_generator(reference, case):
    arrays = reference('dark_encode')
    expected = arrays[f'{case}_heatmaps']
    size = expected.shape[:0:-1]
    codec = DarkHeatmap([4 * side for side in size], size, sigma=float(arrays[f'{case}_sigma']))
    encoded = codec.encode(4 * arrays[f'{case}_keypoints_hm'][None], arrays[f'{case}_visible'][None])
    np.testing.assert_allclose(encoded['heatmaps'], expected, atol=1e-5)
    np.testing.assert_array_equal(encoded['keypoint_weights'][0], arrays[f'{case}_weights'])


@pytest.mark.parametrize('case', ['a', 'b'])
def test_decode_equals_the_released_decoder(reference, case):
    arrays = reference('dark_decode')
    maps = torch.from_numpy(arrays[f'{case}_heatmaps'])
    size = maps.shape[:1:-1]
    codec = DarkHeatmap(
        [4 * side for side in size], size, blur_kernel_size=int(arrays[f'{case}_kernel']), max_offset=None
    )
    keypoints, scores = decoded(codec, maps)
    compared = ~arrays[f'{case}_floored']
    np.testing.assert_allclose(keypoints[compared] / 4, arrays[f'{case}_coords'][compared], atol=2e-3)
    np.testing.assert_allclose(scores, arrays[f'{case}_scores'])


@pytest.mark.parametrize('decoding', ['dark', 'shift'])
def test_decode_equals_mmpose(decoding):
    maps = network_like_maps(51, HEATMAP, noise=0.01)[0].clamp_min(0.002).view(3, 17, 64, 48)
    theirs = MSRAHeatmap(**SIZES, sigma=2, unbiased=decoding == 'dark')
    ours = DarkHeatmap(**SIZES, decoding=decoding, max_offset=None)
    keypoints, scores = decoded(ours, maps)
    for n in range(3):
        expected, expected_scores = theirs.decode(maps[n].numpy())
        np.testing.assert_allclose(keypoints[n], expected[0], atol=8e-3)
        np.testing.assert_array_equal(scores[n], expected_scores[0])


def test_decode_by_argmax_gives_the_cell():
    maps = network_like_maps(17, HEATMAP)[0]
    keypoints, _ = DarkHeatmap(**SIZES, decoding='argmax').decode(maps.numpy())
    y, x = np.unravel_index(maps.flatten(1).argmax(1), (64, 48))
    np.testing.assert_array_equal(keypoints[0], 4 * np.stack((x, y), -1))


def test_errors_are_in_the_order_of_the_paper():
    centers = random_keypoints(1, 400, INPUT, margin=48)
    mean_error = {}
    for encoding in ('biased', 'unbiased'):
        maps = DarkHeatmap(**SIZES, encoding=encoding).encode(centers)['heatmaps']
        for decoding in ('argmax', 'shift', 'dark'):
            codec = DarkHeatmap(**SIZES, encoding=encoding, decoding=decoding)
            distance = np.linalg.norm(codec.decode(maps)[0] - centers, axis=-1)
            mean_error[encoding, decoding] = distance.mean()
    assert mean_error['unbiased', 'dark'] < 0.01
    assert mean_error['unbiased', 'dark'] < mean_error['unbiased', 'shift'] < mean_error['unbiased', 'argmax']
    # a biased map says nothing about where inside its cell the joint is
    np.testing.assert_allclose(mean_error['biased', 'dark'], mean_error['biased', 'argmax'], atol=1e-3)


# ---------------------------------------------------------------------------------------------
# inside MMPose


@pytest.mark.parametrize('encoding', ['unbiased', 'biased'])
def test_generate_target_packs_what_encode_returns(mmpose_scope, encoding):
    keypoints = random_keypoints(1, 17, INPUT)
    visible = np.ones((1, 17), np.float32)
    visible[0, 4] = 0
    config = dict(type='mmpose_ext.DarkHeatmap', **SIZES, encoding=encoding)
    results = dict(
        img=np.zeros((256, 192, 3), np.uint8),
        transformed_keypoints=keypoints,
        keypoints_visible=visible,
        dataset_keypoint_weights=np.ones(17, np.float32),
    )
    packed = PackPoseInputs()(GenerateTarget(encoder=config)(results))['data_samples']
    expected = DarkHeatmap(**SIZES, encoding=encoding).encode(keypoints, visible)
    np.testing.assert_array_equal(packed.gt_fields.heatmaps, expected['heatmaps'])
    np.testing.assert_array_equal(packed.gt_instance_labels.keypoint_weights, expected['keypoint_weights'])


def test_decodes_and_trains_in_mmposes_head(mmpose_scope):
    decoder = dict(type='mmpose_ext.DarkHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1)
    head = mmpose_registry.MODELS.build(
        dict(
            type='HeatmapHead',
            in_channels=4,
            out_channels=6,
            deconv_out_channels=(8,),
            deconv_kernel_sizes=(4,),
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=decoder,
        )
    )
    assert type(head).__module__.startswith('mmpose.')
    features, samples = make_features(2, 4, (12, 16)), make_samples(random_keypoints(2, 6, (96, 128)))
    with torch.no_grad():
        expected, scores = decoded(DarkHeatmap((96, 128), (24, 32), sigma=1), head(features))
        predictions = head.predict(features, samples)
    np.testing.assert_array_equal([prediction.keypoints[0] for prediction in predictions], expected)
    np.testing.assert_array_equal([prediction.keypoint_scores[0] for prediction in predictions], scores)


# ---------------------------------------------------------------------------------------------
# properties


def points_inside(margin):
    x = st.floats(margin, INPUT[0] - 1 - margin, width=32)
    y = st.floats(margin, INPUT[1] - 1 - margin, width=32)
    return st.lists(st.tuples(x, y), min_size=17, max_size=17)


@REPEATABLE
@given(points_inside(margin=48))
def test_decode_inverts_encode_away_from_the_border(points):
    keypoints = np.array([points], np.float32)
    codec = DarkHeatmap(**SIZES)
    encoded = codec.encode(keypoints)
    distance = np.linalg.norm(codec.decode(encoded['heatmaps'])[0] - keypoints, axis=-1)
    assert distance.mean() < 0.01
    assert distance.max() < 0.05
    assert (encoded['keypoint_weights'] == 1).all()


@REPEATABLE
@given(points_inside(margin=0))
def test_decode_inverts_encode_to_a_cell_at_the_border(points):
    keypoints = np.array([points], np.float32)
    codec = DarkHeatmap(**SIZES)
    found, _ = codec.decode(codec.encode(keypoints)['heatmaps'])
    assert np.abs(found - keypoints).max() < 4  # pixels: one cell, where there is no room to refine


@REPEATABLE
@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=5, max_size=5))
def test_any_keypoints_give_finite_targets(points):
    keypoints = np.array([points], np.float32)
    for encoding in ('unbiased', 'biased'):
        codec = DarkHeatmap(**SIZES, encoding=encoding)
        with np.errstate(all='ignore'):
            encoded = codec.encode(keypoints)
        maps, weights = encoded['heatmaps'], encoded['keypoint_weights'][0]
        assert np.isfinite(maps).all()
        assert maps.min() >= 0
        assert maps.max() <= 1
        assert set(weights.tolist()) <= {0.0, 1.0}
        assert not weights[~np.isfinite(keypoints[0]).all(-1)].any()
        assert not maps[weights == 0].any(), 'a joint that weighs nothing has no map'


@REPEATABLE
@given(
    arrays(np.float32, (2, 9, 7), elements=st.floats(width=32)),
    st.sampled_from(['dark', 'shift', 'argmax']),
    st.sampled_from([None, 3, 11]),
)
def test_any_maps_decode_to_points_inside_the_picture(maps, decoding, kernel_size):
    codec = DarkHeatmap((28, 36), (7, 9), decoding=decoding, blur_kernel_size=kernel_size)
    keypoints, scores = codec.decode(maps)
    assert np.isfinite(keypoints).all()
    assert np.isfinite(scores).all()
    assert (keypoints >= 0).all()
    assert (keypoints <= (24, 32)).all()
    broken = ~np.isfinite(maps.max((1, 2))) | (maps.max((1, 2)) <= 0)
    assert not keypoints[0, broken].any()
    assert (scores[0, broken] <= 0).all()


@REPEATABLE
@given(
    arrays(np.float32, (1, 16, 12), elements=st.floats(0.0078125, 1, width=32)), st.integers(0, 5), st.integers(0, 5)
)
def test_moving_a_map_moves_the_point(maps, right, down):
    """Translation inside a larger map of zeros changes nothing but the position."""
    assume(maps.min() < maps.max())
    pad = 12
    codec = DarkHeatmap((36, 40), (36, 40), blur_kernel_size=3)
    points = []
    for x, y in ((0, 0), (right, down)):
        canvas = np.zeros((1, 40, 36), np.float32)
        canvas[:, pad - 6 + y : pad + 10 + y, pad - 6 + x : pad + 6 + x] = maps
        points.append(codec.decode(canvas)[0][0, 0])
    np.testing.assert_allclose(points[1] - points[0], (right, down), atol=1e-3)


# ---------------------------------------------------------------------------------------------
# bad input: a defined result, or an error that says what is wrong


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_unknown_keypoints_weigh_nothing(bad):
    keypoints = random_keypoints(2, 4, INPUT)
    keypoints[0, 1, 0] = keypoints[1, 2, 1] = bad
    encoded = DarkHeatmap(**SIZES).encode_batch(torch.from_numpy(keypoints))
    assert encoded['heatmaps'].isfinite().all()
    assert encoded['keypoint_weights'].tolist() == [[1, 0, 1, 1], [1, 1, 0, 1]]
    assert not encoded['heatmaps'][0, 1].any()
    assert not encoded['heatmaps'][1, 2].any()


@pytest.mark.parametrize('level', [0.0, 1.0, -0.5, float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('decoding', ['dark', 'shift', 'argmax'])
@pytest.mark.parametrize('max_offset', [None, 2.0])
def test_maps_without_a_joint_decode_to_the_corner_with_score_0_or_less(level, decoding, max_offset):
    maps = network_like_maps(3, HEATMAP)[0]
    maps[1] = level
    codec = DarkHeatmap(**SIZES, decoding=decoding, max_offset=max_offset)
    keypoints, scores = codec.decode(maps.numpy())
    assert keypoints[0, 1].tolist() == [0, 0]
    assert scores[0, 1] <= 0
    assert np.isfinite(keypoints).all()
    assert np.isfinite(scores).all()
    assert (scores[0, [0, 2]] > 0).all()


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_one_broken_cell_is_enough(bad):
    maps = network_like_maps(3, HEATMAP)[0]
    maps[1, 40, 9] = bad
    keypoints, scores = DarkHeatmap(**SIZES).decode(maps.numpy())
    assert keypoints[0, 1].tolist() == [0, 0]
    assert scores[0, 1] == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(input_size=(0, 256)), r"'input_size' must be \(width, height\), two whole numbers > 0, got \(0, 256\)"),
        (dict(input_size=192), r"'input_size' must be .*, got 192"),
        (dict(heatmap_size=(48,)), r"'heatmap_size' must be .*, got \(48,\)"),
        (dict(heatmap_size=(48.5, 64)), r"'heatmap_size' must be .*, got \(48\.5, 64\)"),
        (dict(sigma=0), r"'sigma' must be a finite number > 0, got 0"),
        (dict(sigma=-2.0), r"'sigma' must be a finite number > 0, got -2\.0"),
        (dict(sigma=float('nan')), r"'sigma' must be a finite number > 0, got nan"),
        (dict(sigma=1e200), r"'sigma' must be a number of cells from 1e-6 to 1e6, got 1e\+200"),
        (dict(sigma=1e-200), r"'sigma' must be a number of cells from 1e-6 to 1e6, got 1e-200"),
        (dict(input_size=(1e200, 64)), r"'input_size' must be \(width, height\)"),
        (dict(encoding='none'), r"'encoding' must be one of 'unbiased', 'biased', got 'none'"),
        (dict(decoding='taylor'), r"'decoding' must be one of 'dark', 'shift', 'argmax', got 'taylor'"),
        (dict(blur_kernel_size=10), r"'blur_kernel_size' must be an odd whole number > 0 or None .*, got 10"),
        (dict(blur_kernel_size=-1), r"'blur_kernel_size' must be .*, got -1"),
        (dict(blur_kernel_size=2.5), r"'blur_kernel_size' must be .*, got 2\.5"),
        (dict(max_offset=0), r"'max_offset' must be a finite number > 0, got 0"),
        (dict(max_offset=-1.0), r"'max_offset' must be a finite number > 0, got -1\.0"),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        DarkHeatmap(**SIZES | change)


@pytest.mark.parametrize(
    ('method', 'arguments', 'message'),
    [
        ('encode', (np.zeros((2, 17, 2)),), r"'keypoints' must have shape \(1, K, 2\), got shape \(2, 17, 2\)"),
        ('encode', (np.zeros((1, 17, 3)),), r"'keypoints' must have shape \(1, K, 2\), got shape \(1, 17, 3\)"),
        ('encode', (np.zeros((1, 17, 2), complex),), "'keypoints' must be an array of numbers, .*complex128"),
        ('encode', (np.array([[['1', '2']]]),), "'keypoints' must be an array of numbers, .* type <U1"),
        ('encode', (np.zeros((1, 17, 2)), np.ones((1, 17), complex)), "'keypoints_visible' must be .*numbers"),
        ('decode', (np.zeros((17, 64, 48), complex),), "'encoded' must be an array of numbers, .*complex128"),
        ('encode', ([[[1.0, 2.0]]],), r"'keypoints' must have shape \(1, K, 2\), got list"),
        (
            'encode',
            (np.zeros((1, 17, 2)), np.ones((17,))),
            r"'keypoints_visible' must have shape \(1, K\) with K=17, got shape \(17,\)",
        ),
        ('encode', (np.zeros((1, 17, 2)), np.ones((1, 16))), r"'keypoints_visible' .* K=17, got shape \(1, 16\)"),
        ('encode_batch', (torch.zeros(17, 2),), r"'keypoints' must have shape \(B, K, 2\), got shape \(17, 2\)"),
        (
            'encode_batch',
            (torch.zeros(3, 17, 2), torch.ones(3, 17, 2)),
            r"'keypoints_visible' must have shape \(B, K\) with B=3, K=17, got shape \(3, 17, 2\)",
        ),
        (
            'decode',
            (np.zeros((17, 48, 64)),),
            r"'encoded' must have shape \(B, K, H, W\) with .*W=48.*H=64.*\(1, 17, 48, 64\)",
        ),
        ('decode', (np.zeros((64, 48)),), r"'encoded' must have shape \(B, K, H, W\).* got shape \(1, 64, 48\)"),
        ('batch_decode', (torch.zeros(2, 17, 32, 24),), r"'encoded' must .* \(B, K, H, W\).*\(2, 17, 32, 24\)"),
        ('batch_decode', (torch.zeros(17, 64, 48),), r"'encoded' must .*, got shape \(17, 64, 48\)"),
    ],
)
def test_bad_arrays(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(DarkHeatmap(**SIZES), method)(*arguments)


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
def test_on_a_gpu_as_on_the_cpu():
    maps = network_like_maps(51, HEATMAP)[0].view(3, 17, 64, 48)
    keypoints = torch.from_numpy(random_keypoints(3, 17, INPUT, margin=-40))
    codec = DarkHeatmap(**SIZES)
    for there, here in zip(decoded(codec, maps.cuda()), decoded(codec, maps), strict=True):
        np.testing.assert_allclose(there, here, atol=1e-3)
    there, here = codec.encode_batch(keypoints.cuda()), codec.encode_batch(keypoints)
    for name, array in here.items():
        np.testing.assert_allclose(there[name].cpu(), array, atol=1e-6)


@pytest.mark.cuda
def test_encoding_does_not_wait_for_the_gpu():
    codec = DarkHeatmap(**SIZES)
    keypoints, visible = torch.zeros(3, 17, 2, device='cuda'), torch.ones(3, 17, device='cuda')
    torch.cuda.set_sync_debug_mode('error')
    try:
        codec.encode_batch(keypoints, visible)
    finally:
        torch.cuda.set_sync_debug_mode('default')
