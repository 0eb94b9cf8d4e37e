import inspect
import math

import numpy as np
import pytest
import torch
from helpers import gaussian_targets_loop, make_features, make_samples, pack_targets, random_keypoints
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose import registry as mmpose_registry

from mmpose_ext.codecs import IntegralLabel, RegressionLabel

INPUT, HEATMAP = (96, 128), (24, 16)  # strides of 4 and 8 pixels
SIZES = dict(input_size=INPUT, heatmap_size=HEATMAP)
TYPES = ('gaussian', 'one_hot', 'disk')
REPEATABLE = settings(max_examples=40, deadline=None, derandomize=True)
every_type = pytest.mark.parametrize('heatmap_type', [*TYPES, None])
every_map = pytest.mark.parametrize('heatmap_type', TYPES)


def batch_of_people(count=5, joints=17):
    """Keypoints, some outside and one unknown, and visibility."""
    keypoints = random_keypoints(count, joints, INPUT, margin=-20)
    keypoints[-1, 5] = np.nan
    keypoints[0, :4] = (0, 0), (95, 127), (2, 4), (6, 12)  # corners, and between two cells
    visible = (np.random.default_rng(1).random((count, joints)) < 0.8).astype(np.float32)
    visible[0, :4] = 1
    return keypoints, visible


def encode(keypoints, visible, **arguments):
    return IntegralLabel(**SIZES, **arguments).encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))


# ---------------------------------------------------------------------------------------------
# contract


def test_signature_is_the_agreed_one():
    parameters = inspect.signature(IntegralLabel).parameters
    empty = inspect.Parameter.empty
    assert {name: parameter.default for name, parameter in parameters.items()} == dict(
        input_size=empty,
        heatmap_size=empty,
        heatmap_type='gaussian',
        sigma=1.0,
        radius=15.0,
        depth_size=None,
        depth_range=None,
        decoding='integral',
    )


def test_mmpose_builds_it_by_its_name(mmpose_scope):
    config = dict(type='mmpose_ext.IntegralLabel', **SIZES)
    assert type(mmpose_registry.KEYPOINT_CODECS.build(config)) is IntegralLabel


@every_type
def test_encode_batch_is_encode_stacked(heatmap_type):
    keypoints, visible = batch_of_people()
    codec = IntegralLabel(**SIZES, heatmap_type=heatmap_type)
    batch = encode(keypoints, visible, heatmap_type=heatmap_type)
    names = {'keypoint_labels', 'keypoint_weights'} | ({'heatmaps'} if heatmap_type else set())
    for n in range(5):
        single = codec.encode(keypoints[n : n + 1], visible[n : n + 1])
        assert single.keys() == batch.keys() == names
        assert single['keypoint_labels'].shape == (1, 17, 2)
        assert single['keypoint_weights'].shape == (1, 17)
        assert heatmap_type is None or single['heatmaps'].shape == (17, 16, 24)
        for name, values in single.items():
            assert values.dtype == np.float32
            np.testing.assert_array_equal(values.reshape(batch[name][n].shape), batch[name][n])


@every_type
def test_coordinates_are_those_of_regression_label(heatmap_type):
    keypoints, visible = batch_of_people()
    encoded = encode(keypoints, visible, heatmap_type=heatmap_type)
    expected = RegressionLabel(INPUT).encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    for name, values in expected.items():
        np.testing.assert_array_equal(encoded[name], values)


# ---------------------------------------------------------------------------------------------
# maps


def cell_of(keypoint):
    """The place of a joint in cells: two strides, no shift."""
    return keypoint[0] / 4, keypoint[1] / 8


@every_map
def test_a_joint_without_weight_has_no_map(heatmap_type):
    encoded = encode(*batch_of_people(), heatmap_type=heatmap_type)
    weights, maps = encoded['keypoint_weights'], encoded['heatmaps']
    assert maps.isfinite().all()
    assert 0 < (weights > 0).float().mean() < 1
    assert ((maps.amax((-1, -2)) > 0) == (weights > 0)).all()


@pytest.mark.parametrize('sigma', [1.0, 2.3])
def test_h1_is_a_gaussian_on_the_exact_place(sigma):
    keypoints, visible = batch_of_people()
    encoded = encode(keypoints, visible, sigma=sigma)
    for n in range(5):
        centers = np.array([cell_of(keypoint) for keypoint in keypoints[n]])
        expected, _ = gaussian_targets_loop(centers, encoded['keypoint_weights'][n], HEATMAP, sigma, unbiased=True)
        np.testing.assert_allclose(encoded['heatmaps'][n], expected, atol=2e-6)


def test_h2_is_the_nearest_cell():
    keypoints, visible = batch_of_people()
    encoded = encode(keypoints, visible, heatmap_type='one_hot')
    for index in np.ndindex(5, 17):
        expected = np.zeros((16, 24))
        if encoded['keypoint_weights'][index]:
            x, y = cell_of(keypoints[index])
            # past the last cell's half, the last cell
            expected[min(math.floor(y + 0.5), 15), min(math.floor(x + 0.5), 23)] = 1
        np.testing.assert_array_equal(encoded['heatmaps'][index], expected)


@pytest.mark.parametrize('size', [(192, 256), (96, 128), (100, 100)])
def test_h2_of_joints_between_two_cells_is_the_higher(size):
    """Of whole pixels every fourth is; pixels over the input size, times the map's, would decide by the last digit."""
    side = size[0] // 4
    pixels = np.arange(2, 4 * side - 2, 4, dtype=np.float32)
    keypoints = np.stack((pixels, pixels), -1)[None]
    codec = IntegralLabel(size, [side_ // 4 for side_ in size], 'one_hot')
    cells = codec.encode(keypoints)['heatmaps'].reshape(len(pixels), -1).argmax(-1)
    np.testing.assert_array_equal(cells % side, (pixels + 2) / 4)
    np.testing.assert_array_equal(cells // side, (pixels + 2) / 4)


@pytest.mark.parametrize('radius', [15.0, 6])
def test_h3_is_a_disk_in_input_pixels(radius):
    keypoints, visible = batch_of_people()
    encoded = encode(keypoints, visible, heatmap_type='disk', radius=radius)
    weights, maps = (encoded[name].numpy() for name in ('keypoint_weights', 'heatmaps'))
    for index in np.ndindex(5, 17):
        x, y = keypoints[index].tolist()
        for row, column in np.ndindex(16, 24):
            distance = math.hypot(4 * column - x, 8 * row - y)
            expected = weights[index] > 0 and distance <= radius
            # on the circle itself the last digit decides
            assert maps[index][row, column] == expected or abs(distance - radius) < 1e-3


def test_h3_of_the_paper():
    """15 pixels of a 256x256 input are 3.75 cells of a 64x64 map: 45 cells around one."""
    codec = IntegralLabel((256, 256), (64, 64), 'disk')
    (disk,) = codec.encode(np.full((1, 1, 2), 128.0))['heatmaps']
    assert set(np.unique(disk)) == {0, 1}
    assert disk.sum() == sum(x * x + y * y <= 3.75**2 for x in range(-4, 5) for y in range(-4, 5)) == 45


@REPEATABLE
@given(st.floats(0, 95), st.floats(0, 127))
def test_all_maps_show_the_same_joint(x, y):
    keypoints = np.array([[[x, y]]], np.float32)
    maps = [IntegralLabel(**SIZES, heatmap_type=kind).encode(keypoints)['heatmaps'][0] for kind in TYPES]
    cell = np.unravel_index(maps[1].argmax(), maps[1].shape)
    assert maps[0][cell] >= maps[0].max() - 1e-6, 'the highest of the Gaussian is the nearest'
    assert maps[2][cell] == 1


@every_type
@pytest.mark.parametrize('dtype', [np.float64, np.float16, np.int64])
def test_other_types_are_drawn_in_float32(heatmap_type, dtype):
    keypoints = random_keypoints(1, 5, INPUT).astype(dtype)
    codec = IntegralLabel(**SIZES, heatmap_type=heatmap_type)
    expected = codec.encode(keypoints.astype(np.float32))
    for encoded in (codec.encode(keypoints), codec.encode_batch(torch.from_numpy(keypoints))):
        for name, values in encoded.items():
            assert np.asarray(values).dtype == np.float32
            np.testing.assert_array_equal(np.asarray(values).reshape(expected[name].shape), expected[name])


@every_type
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 3e38])
def test_unknown_keypoints_weigh_nothing(heatmap_type, bad):
    keypoints = random_keypoints(2, 4, INPUT)
    keypoints[0, 1, 0] = keypoints[1, 2, 1] = bad
    encoded = encode(keypoints, np.ones((2, 4), np.float32), heatmap_type=heatmap_type)
    assert all(values.isfinite().all() for values in encoded.values())
    assert encoded['keypoint_weights'].tolist() == [[1, 0, 1, 1], [1, 1, 0, 1]]


# ---------------------------------------------------------------------------------------------
# decoding


@every_type
def test_it_decodes_points(heatmap_type):
    keypoints = random_keypoints(3, 17, INPUT)
    codec = IntegralLabel(**SIZES, heatmap_type=heatmap_type)
    encoded = codec.encode_batch(torch.from_numpy(keypoints))
    scores = torch.rand(3, 17)
    found, confidences = codec.batch_decode(encoded['keypoint_labels'], scores)
    np.testing.assert_allclose(np.concatenate(found), keypoints, atol=1e-4)
    np.testing.assert_array_equal(np.concatenate(confidences), scores)


# ---------------------------------------------------------------------------------------------
# inside MMPose


@every_type
def test_generate_target_packs_what_encode_returns(mmpose_scope, heatmap_type):
    keypoints, visible = batch_of_people(1)
    config = dict(type='mmpose_ext.IntegralLabel', **SIZES, heatmap_type=heatmap_type)
    (sample,) = pack_targets(make_samples(keypoints, visible, INPUT), config)
    expected = IntegralLabel(**SIZES, heatmap_type=heatmap_type).encode(keypoints, visible)
    assert ('gt_fields' in sample) == ('heatmaps' in expected)
    for name, values in expected.items():
        packed = sample.gt_fields.heatmaps if name == 'heatmaps' else sample.gt_instance_labels[name]
        np.testing.assert_array_equal(packed, values)


def test_decodes_and_trains_in_mmposes_head(mmpose_scope):
    config = dict(type='mmpose_ext.IntegralLabel', **SIZES)
    head = mmpose_registry.MODELS.build(
        dict(
            type='IntegralRegressionHead',
            in_channels=8,
            in_featuremap_size=(12, 8),
            num_joints=5,
            deconv_out_channels=(6,),
            deconv_kernel_sizes=(4,),
            decoder=config,
        )
    )
    assert type(head).__module__.startswith('mmpose.')
    keypoints = random_keypoints(3, 5, INPUT)
    samples, features = pack_targets(make_samples(keypoints, None, INPUT), config), make_features(3, 8, (12, 8))
    loss = head.loss(features, samples)['loss_kpt']
    with torch.no_grad():
        points = head(features)[0]
        predictions = head.predict(features, samples)
    labels = torch.from_numpy(keypoints / np.array(INPUT, np.float32))
    np.testing.assert_allclose(loss.item(), torch.nn.functional.smooth_l1_loss(points, labels).item(), rtol=1e-5)
    np.testing.assert_allclose([one.keypoints[0] for one in predictions], points * torch.tensor(INPUT), rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(input_size=(0, 256)), r"'input_size' must be \(width, height\), two whole numbers > 0, got \(0, 256\)"),
        (dict(heatmap_size=(48,)), r"'heatmap_size' must be .*, got \(48,\)"),
        (dict(heatmap_size=(48.5, 64)), r"'heatmap_size' must be .*, got \(48\.5, 64\)"),
        (dict(sigma=0), r"'sigma' must be a finite number > 0, got 0"),
        (dict(sigma=float('nan')), r"'sigma' must be a finite number > 0, got nan"),
        (dict(radius=-1.0), r"'radius' must be a finite number > 0, got -1\.0"),
        (dict(radius='15'), r"'radius' must be a finite number > 0, got '15'"),
        (
            dict(heatmap_type='circle'),
            r"'heatmap_type' must be one of 'gaussian', 'one_hot', 'disk', None, got 'circle'",
        ),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        IntegralLabel(**SIZES | change)


@pytest.mark.parametrize(
    ('method', 'arguments', 'message'),
    [
        ('encode', (np.zeros((2, 17, 2)),), r"'keypoints' must have shape \(1, K, 2\), got shape \(2, 17, 2\)"),
        ('encode_batch', (torch.zeros(17, 2),), r"'keypoints' must have shape \(B, K, 2\), got shape \(17, 2\)"),
        ('batch_decode', (torch.zeros(2, 17, 16, 24),), r"'encoded' must have .*, got shape \(2, 17, 16, 24\)"),
    ],
)
def test_bad_arrays(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(IntegralLabel(**SIZES), method)(*arguments)


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
@every_type
def test_encoding_does_not_wait_for_the_gpu(heatmap_type):
    keypoints, visible = (torch.from_numpy(array) for array in batch_of_people())
    codec = IntegralLabel(**SIZES, heatmap_type=heatmap_type)
    there = keypoints.cuda(), visible.cuda()
    torch.cuda.set_sync_debug_mode('error')
    try:
        encoded = codec.encode_batch(*there)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    for name, values in codec.encode_batch(keypoints, visible).items():
        np.testing.assert_allclose(encoded[name].cpu(), values, atol=1e-6)
