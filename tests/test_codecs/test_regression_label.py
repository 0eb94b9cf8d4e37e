import inspect

import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, pack_targets, random_keypoints
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose import registry as mmpose_registry
from mmpose.codecs import RegressionLabel as MMPoseLabel

from mmpose_ext.codecs import Keypoints, RegressionLabel

INPUT = (192, 256)
CONFIG = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)
REPEATABLE = settings(max_examples=60, deadline=None, derandomize=True)


def batch_of_people(count=6, joints=17):
    """Keypoints, some outside and one unknown, and visibility."""
    keypoints = random_keypoints(count, joints, INPUT, margin=-40)
    keypoints[-1, 5] = np.nan
    visible = (np.random.default_rng(1).random((count, joints)) < 0.8).astype(np.float32)
    return keypoints, visible


# ---------------------------------------------------------------------------------------------
# contract


def test_signature_is_the_agreed_one():
    assert list(inspect.signature(RegressionLabel).parameters) == ['input_size', 'depth_range']


def test_mmpose_builds_it_by_its_name(mmpose_scope):
    assert type(mmpose_registry.KEYPOINT_CODECS.build(CONFIG)) is RegressionLabel


def test_encode_equals_mmpose():
    keypoints, visible = batch_of_people()
    keypoints[0, :4] = (0, 0), (191, 255), (191.5, 255), (-0.5, 4)  # the image's border
    ours, theirs = RegressionLabel(INPUT), MMPoseLabel(INPUT)
    for n in range(6):
        encoded = ours.encode(keypoints[n : n + 1], visible[n : n + 1])
        expected = theirs.encode(keypoints[n : n + 1], visible[n : n + 1])
        assert encoded.keys() == expected.keys()
        assert encoded['keypoint_labels'].dtype == encoded['keypoint_weights'].dtype == np.float32
        np.testing.assert_array_equal(encoded['keypoint_weights'], expected['keypoint_weights'])
        counted = expected['keypoint_weights'] > 0
        np.testing.assert_allclose(encoded['keypoint_labels'][counted], expected['keypoint_labels'][counted], rtol=1e-6)
        assert not encoded['keypoint_labels'][~counted].any(), 'where MMPose leaves NaN and infinite labels'


def test_encode_batch_is_encode_stacked():
    keypoints, visible = batch_of_people()
    codec = RegressionLabel(INPUT)
    batch = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    assert batch['keypoint_labels'].shape == (6, 17, 2)
    for n in range(6):
        single = codec.encode(keypoints[n : n + 1], visible[n : n + 1])
        for name, values in single.items():
            np.testing.assert_array_equal(values[0], batch[name][n])


def test_without_visibility_every_joint_is_labelled():
    keypoints = random_keypoints(2, 5, INPUT)
    assert RegressionLabel(INPUT).encode(keypoints[:1])['keypoint_weights'].tolist() == [[1.0] * 5]
    assert RegressionLabel(INPUT).encode_batch(torch.from_numpy(keypoints))['keypoint_weights'].min() == 1


@pytest.mark.parametrize('dtype', [np.float64, np.float16, np.int64, np.uint8])
def test_other_types_are_computed_in_float32(dtype):
    codec = RegressionLabel(INPUT)
    keypoints = random_keypoints(1, 5, INPUT).astype(dtype)
    expected = codec.encode(keypoints.astype(np.float32))
    for encoded in (
        codec.encode(keypoints, np.ones((1, 5), bool)),
        codec.encode_batch(torch.from_numpy(keypoints), torch.ones(1, 5, dtype=torch.float64)),
    ):
        for name, values in encoded.items():
            assert np.asarray(values).dtype == np.float32
            np.testing.assert_array_equal(values, expected[name])


def test_input_is_left_alone():
    keypoints, visible = batch_of_people(1)
    before = keypoints.copy(), visible.copy()
    encoded = RegressionLabel(INPUT).encode(keypoints, visible)
    encoded['keypoint_weights'][:] = 7
    RegressionLabel(INPUT).decode(encoded['keypoint_labels'])
    np.testing.assert_array_equal(keypoints, before[0])
    np.testing.assert_array_equal(visible, before[1])


# ---------------------------------------------------------------------------------------------
# decoding


@REPEATABLE
@given(st.lists(st.tuples(st.floats(0, 191, width=32), st.floats(0, 255, width=32)), min_size=1, max_size=9))
def test_decode_inverts_encode(points):
    keypoints = np.array([points], np.float32)
    codec = RegressionLabel(INPUT)
    encoded = codec.encode(keypoints)
    assert (encoded['keypoint_weights'] == 1).all()
    found, scores = codec.decode(encoded['keypoint_labels'])
    np.testing.assert_allclose(found, keypoints, atol=1e-4)
    assert (scores == 1).all()


def test_decode_equals_mmpose():
    labels = np.random.default_rng(0).random((1, 5, 2)).astype(np.float32)
    for found, expected in zip(RegressionLabel(INPUT).decode(labels), MMPoseLabel(INPUT).decode(labels), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_batch_decode_is_decode_stacked():
    labels, scores = torch.rand(3, 5, 2), torch.rand(3, 5)
    codec = RegressionLabel(INPUT)
    points, confidences = codec.batch_decode(labels, scores)
    assert [one.shape for one in points] == [(1, 5, 2)] * 3
    np.testing.assert_array_equal(np.concatenate(confidences), scores)
    for n in range(3):
        for label, score in ((labels[n], scores[n]), (labels[n, None], scores[n, None])):
            alone = codec.decode(label.numpy(), score.numpy())
            np.testing.assert_array_equal(alone[0], points[n])
            np.testing.assert_array_equal(alone[1], confidences[n])
    np.testing.assert_array_equal(codec.batch_decode(labels[:, None])[0], points)  # as MMPose's heads pass them
    assert np.concatenate(codec.batch_decode(labels)[1]).min() == 1


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_decoded_in_float32(dtype):
    labels, scores = torch.rand(3, 5, 2).to(dtype), torch.rand(3, 5).to(dtype)
    points, confidences = RegressionLabel(INPUT).batch_decode(labels.requires_grad_(), scores)
    assert points[0].dtype == confidences[0].dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(points), labels.detach().float().numpy() * np.array(INPUT, np.float32))


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('where', ['point', 'score'])
def test_what_is_not_finite_is_no_joint(bad, where):
    labels, scores = torch.rand(2, 3, 2), torch.rand(2, 3)
    (labels[1, 2] if where == 'point' else scores[1])[..., -1] = bad
    points, confidences = RegressionLabel(INPUT).batch_decode(labels, scores)
    assert points[1][0, 2].tolist() == [0, 0]
    assert confidences[1][0, 2] == 0
    assert np.isfinite(points).all()
    assert np.count_nonzero(confidences) == 5


def test_points_outside_of_the_picture_are_kept():
    """A regression may rightly put a joint there."""
    points, _ = RegressionLabel(INPUT).decode(np.array([[-0.5, 1.5]], np.float32))
    assert points.tolist() == [[[-96, 384]]]


# ---------------------------------------------------------------------------------------------
# inside MMPose


def test_generate_target_packs_what_encode_returns(mmpose_scope):
    keypoints, visible = batch_of_people(1)
    (sample,) = pack_targets(make_samples(keypoints, visible, INPUT), CONFIG)
    expected = RegressionLabel(INPUT).encode(keypoints, visible)
    labels = sample.gt_instance_labels
    assert set(labels.keys()) == {'keypoint_labels', 'keypoint_weights'}
    for name, values in expected.items():
        np.testing.assert_array_equal(labels[name], values)


def test_decodes_and_trains_in_mmposes_head(mmpose_scope):
    head = mmpose_registry.MODELS.build(dict(type='RegressionHead', in_channels=8, num_joints=5, decoder=CONFIG))
    assert type(head).__module__.startswith('mmpose.')
    keypoints = random_keypoints(3, 5, INPUT)
    samples = pack_targets(make_samples(keypoints, None, INPUT), CONFIG)
    features = make_features(3, 8, (1, 1))
    loss = head.loss(features, samples)['loss_kpt']
    labels = torch.from_numpy(keypoints / np.array(INPUT, np.float32))
    np.testing.assert_allclose(
        loss.item(), torch.nn.functional.smooth_l1_loss(head(features), labels).item(), rtol=1e-5
    )
    with torch.no_grad():
        predictions = head.predict(features, samples)
        expected = head(features) * torch.tensor(INPUT)
    np.testing.assert_allclose([one.keypoints[0] for one in predictions], expected, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize('size', [(0, 256), 192, (48,), (48.5, 64), 'ab', None, (float('nan'), 4)])
def test_bad_constructor_arguments(size):
    with pytest.raises(ValueError, match=r"'input_size' must be \(width, height\), two whole numbers > 0, got"):
        RegressionLabel(size)


@pytest.mark.parametrize(
    ('method', 'arguments', 'message'),
    [
        ('encode', (np.zeros((2, 17, 2)),), r"'keypoints' must have shape \(1, K, 2\), got shape \(2, 17, 2\)"),
        ('encode', (np.zeros((1, 17, 4)),), r"'keypoints' must have shape \(1, K, 2\), got shape \(1, 17, 4\)"),
        ('encode', ([[[1.0, 2.0]]],), r"'keypoints' must have shape \(1, K, 2\), got list"),
        (
            'encode',
            (np.zeros((1, 17, 2)), np.ones((17,))),
            r"'keypoints_visible' must have shape \(B, K\) with B=1, K=17, got shape \(17,\)",
        ),
        ('encode_batch', (torch.zeros(17, 2),), r"'keypoints' must have shape \(B, K, 2\), got shape \(17, 2\)"),
        (
            'encode_batch',
            (torch.zeros(3, 17, 2), torch.ones(3, 17, 2)),
            r"'keypoints_visible' must have shape \(B, K\) with B=3, K=17, got shape \(3, 17, 2\)",
        ),
        ('decode', (np.zeros((3, 17, 2)),), r"'encoded' must have shape \(B, K, 2\), got shape \(1, 3, 17, 2\)"),
        ('decode', (np.zeros((17, 3)),), r"'encoded' must have shape \(B, K, 2\), got shape \(1, 17, 3\)"),
        (
            'decode',
            (np.zeros((17, 2)), np.zeros(16)),
            r"'scores' must have shape \(B, K\) with B=1, K=17, got shape \(1, 16\)",
        ),
        ('batch_decode', (torch.zeros(2, 17, 4),), r"'encoded' must have shape \(B, K, 2\).*\(2, 17, 4\)"),
        ('batch_decode', (torch.zeros(2, 3, 17, 2),), r"'encoded' must have .*, got shape \(2, 3, 17, 2\)"),
        (
            'batch_decode',
            (torch.zeros(2, 17, 2), torch.zeros(17)),
            r"'scores' must have shape \(B, K\) with B=2, K=17, got shape \(17,\)",
        ),
    ],
)
def test_bad_arrays(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(RegressionLabel(INPUT), method)(*arguments)


def test_decodes_what_mmposes_rle_head_passes():
    """Points and sigmas in one tensor with an axis of people; MMPose's codec decodes them person by person."""
    outputs = torch.rand(3, 1, 17, 4)
    found, scores = RegressionLabel(INPUT).batch_decode(outputs)
    theirs = MMPoseLabel(INPUT)
    for n in range(3):
        points, confidences = theirs.decode(outputs[n].numpy())
        np.testing.assert_allclose(found[n], points, rtol=1e-6)
        np.testing.assert_allclose(scores[n], confidences, atol=1e-6)
    given = torch.rand(3, 17)
    with pytest.raises(ValueError, match=r"'encoded' must have shape \(B, K, 2\), got shape \(3, 17, 4\)"):
        RegressionLabel(INPUT).batch_decode(outputs, given)


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
def test_encoding_does_not_wait_for_the_gpu():
    keypoints, visible = batch_of_people()
    codec = RegressionLabel(INPUT)
    there = torch.from_numpy(keypoints).cuda(), torch.from_numpy(visible).cuda()
    torch.cuda.set_sync_debug_mode('error')
    try:
        encoded = codec.encode_batch(*there)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    expected = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(visible))
    for name, values in expected.items():
        np.testing.assert_allclose(encoded[name].cpu(), values, atol=1e-6)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_a_keypoint_with_a_sigma_that_is_not_finite_is_not_found(bad):
    points, scores, sigmas = torch.full((1, 3, 2), 0.5), torch.ones(1, 3), torch.full((1, 3, 2), 0.25)
    sigmas[0, 1, 0] = bad
    found = RegressionLabel((96, 128)).decode_tensors(Keypoints(points, scores, sigmas))
    assert found.points[0].tolist() == [[48, 64], [0, 0], [48, 64]]
    assert found.scores[0].tolist() == [1, 0, 1]
    assert found.sigmas[0].tolist() == [[24, 32], [0, 0], [24, 32]]
