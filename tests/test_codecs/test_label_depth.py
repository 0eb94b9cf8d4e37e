"""The codecs of regression and integral regression with depth."""

import numpy as np
import pytest
import torch
from helpers import random_keypoints

from mmpose_ext.codecs import IntegralLabel, Keypoints, RegressionLabel
from mmpose_ext.functional import render_gaussians

INPUT, HEATMAP, DEPTH = (96, 128), (24, 32), dict(depth_size=8, depth_range=2000.0)
NAN = float('nan')


def people(count=4, joints=6):
    """Keypoints (B, K, 3) with known, unknown and too large depths, and visibility."""
    rng = np.random.default_rng(0)
    depths = rng.uniform(-900, 900, (count, joints, 1))
    depths[:, 1], depths[:, 2] = np.nan, 1200
    keypoints = np.concatenate((random_keypoints(count, joints, INPUT, margin=3), depths), -1).astype(np.float32)
    keypoints[0, 0, 0] = -50
    visible = np.ones((count, joints), np.float32)
    visible[:, 3] = 0
    return torch.from_numpy(keypoints), torch.from_numpy(visible)


def integral(heatmap_type=None, **change):
    return IntegralLabel(INPUT, HEATMAP, heatmap_type, **{**DEPTH, **change})


CODECS = [RegressionLabel(INPUT, depth_range=2000.0), *(integral(kind) for kind in (None, 'gaussian', 'one_hot'))]
each_codec = pytest.mark.parametrize('codec', CODECS, ids=['regression', 'integral', 'H1', 'H2'])


@each_codec
def test_labels_equal_a_loop(codec):
    keypoints, visible = people()
    encoded = codec.encode_batch(keypoints, visible)
    for index in np.ndindex(4, 6):
        x, y, z = keypoints[index].tolist()
        placed = visible[index] > 0 and 0 <= x <= 95 and 0 <= y <= 127
        deep = placed and abs(z) <= 1000
        expected = [x / 96, y / 128] if placed else [0, 0]
        expected.append(z / 2000 + 0.5 if deep else 0)
        np.testing.assert_allclose(encoded['keypoint_labels'][index], expected, rtol=1e-6)
        assert encoded['keypoint_weights'][index] == placed
        assert encoded['depth_weights'][index] == deep
    assert 0 < encoded['depth_weights'].sum() < encoded['keypoint_weights'].sum() < 24


@each_codec
def test_keypoints_that_never_had_depth_are_keypoints_without(codec):
    keypoints, visible = people()
    expected = codec.encode_batch(torch.cat((keypoints[..., :2], torch.full((4, 6, 1), NAN)), -1), visible)
    found = codec.encode_batch(keypoints[..., :2], visible)
    assert found.keys() == expected.keys()
    assert all((found[name] == expected[name]).all() for name in found)
    assert not found['depth_weights'].any() and found['keypoint_weights'].any()


@pytest.mark.parametrize('codec', [RegressionLabel(INPUT), IntegralLabel(INPUT, HEATMAP)], ids=['regression', 'H1'])
def test_without_depth_a_depth_is_left_aside(codec):
    keypoints, visible = people()
    expected = codec.encode_batch(keypoints[..., :2], visible)
    found = codec.encode_batch(keypoints, visible)
    assert 'depth_weights' not in found
    assert all((found[name] == expected[name]).all() for name in expected)
    single = codec.encode(keypoints[:1].numpy(), visible[:1].numpy())
    np.testing.assert_array_equal(single['keypoint_weights'][0], expected['keypoint_weights'][0])


@each_codec
def test_what_was_encoded_is_decoded_in_pixels_and_millimetres(codec):
    keypoints, visible = people()
    encoded = codec.encode_batch(keypoints, visible)
    found, scores = codec.batch_decode(encoded['keypoint_labels'], torch.full((4, 6), 0.25))
    deep = encoded['depth_weights'] > 0
    np.testing.assert_allclose(np.concatenate(found)[deep], keypoints[deep], atol=1e-3)
    assert np.stack(scores).tolist() == np.full((4, 1, 6), 0.25).tolist()
    alone, _ = codec.decode(encoded['keypoint_labels'][1].numpy())
    np.testing.assert_array_equal(alone, found[1])


@each_codec
def test_sigmas_are_lengths(codec):
    """They are scaled as points are, and not moved: half of the depth range is no part of them."""
    points, scores, sigmas = torch.full((1, 1, 3), 0.5), torch.ones(1, 1), torch.tensor([[[0.1, 0.2, 0.05]]])
    found = codec.decode_tensors(Keypoints(points, scores, sigmas))
    np.testing.assert_allclose(found.sigmas, [[[9.6, 25.6, 100]]], rtol=1e-6)
    np.testing.assert_allclose(found.points, [[[48, 64, 0]]], atol=1e-4)
    kept = codec.decode_tensors(Keypoints(points, scores, sigmas), normalized=True)
    assert (kept.sigmas == sigmas).all() and (kept.points == points).all()


def test_mmposes_rle_head_passes_sigmas_behind():
    outputs = torch.tensor([[[[0.5, 0.5, 0.6, 0.1, 0.2, 0.3]]]])
    found, scores = CODECS[0].batch_decode(outputs)
    np.testing.assert_allclose(found, [[[[48, 64, 200]]]], rtol=1e-5)
    np.testing.assert_allclose(scores, [[[0.8]]], rtol=1e-5)


@pytest.mark.parametrize('heatmap_type', ['gaussian', 'one_hot'])
def test_target_volumes_are_products_of_maps_and_vectors(heatmap_type):
    keypoints, visible = people()
    encoded = integral(heatmap_type, sigma=1.2).encode_batch(keypoints, visible)
    volumes = encoded['depth_vectors'][..., None, None] * encoded['heatmaps'][:, :, None]
    cells = torch.stack((keypoints[..., 0] / 4, keypoints[..., 1] / 4, keypoints[..., 2] / 250 + 4), -1)
    for index in (encoded['depth_weights'] > 0).nonzero().tolist():
        x, y, z = cells[tuple(index)].tolist()
        volume = volumes[tuple(index)]
        if heatmap_type == 'one_hot':
            assert volume.nonzero().tolist() == [[round(z), round(y), round(x)]]
            continue
        rows = render_gaussians(torch.tensor([x, y]), HEATMAP, 1.2)
        depth = np.exp(-((np.arange(8) - z) ** 2) / (2 * 1.2**2))
        np.testing.assert_allclose(volume, depth[:, None, None] * rows.numpy(), atol=1e-5)
    # the sums of a vector in the middle are there for joints without depth
    assert (encoded['depth_vectors'].sum(-1) >= 1 - 1e-6).all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(depth_size=None), r"'depth_size' must be given with depth_range=2000.0 or not, got None"),
        (dict(depth_range=None), r"'depth_size' must be given with depth_range=None or not, got 8"),
        (dict(depth_size=0), r"'depth_size' must be a whole number > 0, got 0"),
        (dict(depth_size=4.5), r"'depth_size' must be a whole number > 0, got 4.5"),
        (dict(depth_range=-1.0), r"'depth_range' must be a finite number > 0, got -1.0"),
        (
            dict(heatmap_type='disk'),
            r"'heatmap_type' must be .* or None with depth_size, got 'disk'",
        ),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        integral(**change)
