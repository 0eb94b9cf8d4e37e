"""Covariances of every head: shapes, flip test, image pixels, what they cost, and known matrices."""

import math

import numpy as np
import pytest
import torch
from helpers import make_samples, random_keypoints
from mmpose.models.losses import RLELoss as MMPoseRLELoss
from test_contracts import HEADS, build_head, features_of

from mmpose_ext.codecs import KeypointCodec, Keypoints, RegressionLabel, keypoint_codec
from mmpose_ext.functional import base_log_density, render_gaussians, soft_argmax, spatial_softmax
from mmpose_ext.models.heads import RLEHead
from mmpose_ext.models.layers import RealNVP
from mmpose_ext.models.losses import RLELoss
from mmpose_ext.models.utils import average_keypoints
from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
JOINTS, INPUT = 5, (96, 128)
FLIP = [1, 0, 3, 2, 4]
CASES = [(f'{name}-{n}', config) for name, configs in HEADS.items() for n, config in enumerate(configs)]
every_head = pytest.mark.parametrize('config_of', [pytest.param(config, id=name) for name, config in CASES])


def on(**options):
    return dict(output_covariances=True, **options)


@every_head
def test_every_head_predicts_covariances(config_of):
    head = build_head(config_of, JOINTS).eval()
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), None, INPUT)
    features = [features_of(3, seed=0), features_of(3, seed=1)]
    for scale, sample in zip(([50.0, 80.0], [96.0, 128.0], [400.0, 300.0]), samples, strict=True):
        sample.set_metainfo(dict(input_scale=np.array(scale), flip_indices=FLIP))
    for test_cfg, feats in (({}, features[0]), (dict(flip_test=True), features)):
        plain = head.predict(feats, samples, test_cfg)
        found = head.predict(feats, samples, on(**test_cfg))
        for without, one, sample in zip(plain, found, samples, strict=True):
            assert 'keypoint_covariances' not in without
            for name in without.keys():  # noqa: SIM118, a field container
                np.testing.assert_array_equal(without[name], one[name])
            dim = one.keypoints.shape[-1]
            covariances = one.keypoint_covariances
            assert covariances.shape == (1, JOINTS, dim, dim)
            assert covariances.dtype == np.float32
            np.testing.assert_array_equal(covariances, covariances.swapaxes(-1, -2))
            assert (np.linalg.eigvalsh(covariances.astype(np.float64)) > 0).all()
            # in pixels of the image: a unit of its own for each sample, and none for depth
            factor = np.ones(dim)
            factor[:2] = np.array(sample.metainfo['input_scale']) / INPUT
            np.testing.assert_allclose(
                covariances / np.outer(factor, factor), _in_input_pixels(head, feats, samples, test_cfg, one), rtol=1e-4
            )


def _in_input_pixels(head, feats, samples, test_cfg, one):
    """Covariances of the sample with the same points by :meth:`decode_outputs`, without any image."""
    views = feats if test_cfg.get('flip_test') else [feats]
    outputs = [head.forward(view) for view in views]
    found = head.decode_outputs(outputs[0], *(outputs[1:] or [None]), FLIP, on(**test_cfg))
    number = next(n for n in range(len(samples)) if np.array_equal(found.points[n], one.keypoints[0]))
    return found.covariances[number].numpy()[None]


@every_head
def test_normalized_covariances_are_those_of_normalized_points(config_of):
    head = build_head(config_of, JOINTS).eval()
    outputs = head.forward(features_of(2))
    pixels = head.decode_outputs(outputs, test_cfg=on()).covariances
    normalized = head.decode_outputs(outputs, test_cfg=on(), normalized=True).covariances
    sides = torch.tensor([*INPUT, head.codec.depth_range or 0.0][: pixels.shape[-1]])
    torch.testing.assert_close(pixels, normalized * sides[:, None] * sides)
    assert head.decode_outputs(outputs).covariances is None


@every_head
def test_nothing_is_computed_where_the_option_is_off(config_of, monkeypatch):
    head = build_head(config_of, JOINTS).eval()

    def refuse(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(type(head), 'with_covariances', refuse)
    for codec in (KeypointCodec, type(head.codec)):
        monkeypatch.setattr(codec, 'covariances', refuse)
    head.predict(features_of(2), make_samples(random_keypoints(2, JOINTS, INPUT), None, INPUT), {})


def test_the_flip_test_mirrors_covariances():
    """A mirror image that shows the same gives the same; the sign of xy changes on the way."""
    torch.manual_seed(0)
    factor = torch.randn(2, JOINTS, 3, 3) * 0.05
    covariances = factor @ factor.transpose(-1, -2)
    points = torch.rand(2, JOINTS, 3)
    mirrored = points[:, FLIP] * torch.tensor([-1, 1, 1]) + torch.tensor([1 - 1 / 96, 0, 0])
    turn = torch.tensor([-1.0, 1.0, 1.0])
    other = covariances[:, FLIP] * turn[:, None] * turn
    scores = torch.ones(2, JOINTS)
    first = Keypoints(points, scores, None, covariances)
    found = average_keypoints(first, Keypoints(mirrored, scores, None, other), FLIP, 96)
    torch.testing.assert_close(found.covariances, covariances)
    # points that disagree by d add the outer product of d / 2
    shift = torch.tensor([0.02, -0.04, 0.1])
    moved = Keypoints(mirrored + shift * turn, scores, None, other)
    found = average_keypoints(first, moved, FLIP, 96)
    expected = covariances + torch.outer(shift / 2, shift / 2)
    torch.testing.assert_close(found.covariances, expected)
    assert average_keypoints(first, Keypoints(mirrored, scores), FLIP, 96).covariances is None


def test_integral_covariances_are_those_of_a_loop():
    head = MODELS.build(HEADS['IntegralHead'][1](JOINTS))  # beta 10
    maps = torch.randn(1, JOINTS, 8, 6) * 0.2
    found = head.decode_outputs(maps, test_cfg=on()).covariances[0]
    probabilities, points = spatial_softmax(maps, 10.0)[0], soft_argmax(maps, 10.0, debias=True)[0]
    for joint in range(JOINTS):
        expected = np.eye(2) / 12
        for y, x in np.ndindex(8, 6):
            error = np.array([x, y]) - points[joint].numpy()
            expected += probabilities[joint, y, x].item() * np.outer(error, error)
        cell = np.array([96 / 6, 128 / 8])
        np.testing.assert_allclose(found[joint], expected * np.outer(cell, cell), rtol=1e-4)


def trained_like_flow(dim, seed=0):
    """A flow that is far from the identity."""
    torch.manual_seed(seed)
    flow = RealNVP(dim, num_couplings=4, hidden_channels=16)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.25)
    return flow


def test_second_moments_of_a_flow_are_the_integral_of_its_density():
    flow = trained_like_flow(2)
    side = torch.linspace(-15, 15, 1500, dtype=torch.float64)
    points = torch.cartesian_prod(side, side)
    with torch.no_grad():
        density = flow.double().log_prob(points).exp() * (side[1] - side[0]) ** 2
    assert abs(density.sum() - 1) < 1e-3
    expected = (points * density[:, None]).t() @ points
    found = torch.tensor(flow.second_moments(), dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=5e-3)
    assert (found - torch.eye(2)).abs().max() > 0.1
    assert flow.second_moments() == flow.second_moments()


def test_second_moments_of_a_flow_with_depth_are_those_of_samples():
    flow = trained_like_flow(3)
    samples = flow.sample(400_000, torch.Generator().manual_seed(0)).double()
    expected = samples.t() @ samples / len(samples)
    torch.testing.assert_close(torch.tensor(flow.second_moments(), dtype=torch.float64), expected, rtol=0.03, atol=0.03)


def rle_head(**loss):
    return MODELS.build(
        dict(
            type='mmpose_ext.RLEHead',
            in_channels=4,
            num_joints=JOINTS,
            loss=dict(type='mmpose_ext.RLELoss', **loss),
            decoder=dict(type='mmpose_ext.RegressionLabel', input_size=INPUT),
        )
    )


@pytest.mark.parametrize(
    ('loss', 'variance'),
    [
        (dict(flow=None), 2.0),
        (dict(flow=None, laplace_density='official'), 4.0),
        (dict(flow=None, q_distribution='gaussian'), 1.0),
    ],
)
def test_without_a_flow_sigmas_are_those_of_the_base_density(loss, variance):
    head = rle_head(**loss).eval()
    outputs = torch.randn(2, JOINTS, 4)
    found = head.decode_outputs(outputs, test_cfg=on(), normalized=True).covariances
    torch.testing.assert_close(found, torch.diag_embed(outputs[..., 2:].sigmoid() ** 2 * variance))


def test_with_a_flow_covariances_are_those_of_errors_that_follow_it():
    head = rle_head()
    head.loss_module.flow_model = flow = trained_like_flow(2)
    head.eval()
    outputs = torch.randn(1, JOINTS, 4)
    found = head.decode_outputs(outputs, test_cfg=on(), normalized=True).covariances[0]
    errors = flow.sample(200_000, torch.Generator().manual_seed(0))
    for joint in range(JOINTS):
        # (mean - label) / sigma follows the flow
        differences = (-errors * outputs[0, joint, 2:].sigmoid()).double()
        torch.testing.assert_close(
            found[joint].double(), differences.t() @ differences / len(errors), rtol=0.03, atol=0.01
        )


@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.parametrize('q_distribution', ['laplace', 'gaussian'])
def test_normalized_errors_follow_the_product_of_both_densities(dim, q_distribution):
    loss = RLELoss(dict(type='RealNVP', dim=dim), flow_term='normalized', q_distribution=q_distribution)
    loss.flow_model = flow = trained_like_flow(dim)
    side = torch.linspace(-12, 12, 481 if dim == 2 else 81, dtype=torch.float64)
    points = torch.cartesian_prod(*[side] * dim)
    with torch.no_grad():
        density = (base_log_density(points, q_distribution).sum(-1) + flow.log_prob(points.float()).double()).exp()
    expected = (points * density[:, None]).t() @ points / density.sum()
    torch.testing.assert_close(
        torch.tensor(loss.error_moments(dim), dtype=torch.float64), expected, rtol=0.02, atol=0.01
    )


def test_moments_are_computed_once_until_weights_change(monkeypatch):
    head = rle_head().eval()
    calls = []
    plain = RealNVP.second_moments
    monkeypatch.setattr(RealNVP, 'second_moments', lambda self: calls.append(1) or plain(self))
    outputs = torch.randn(1, JOINTS, 4)
    first = head.decode_outputs(outputs, test_cfg=on()).covariances
    head.decode_outputs(outputs, test_cfg=on())
    assert len(calls) == 1
    state = head.state_dict()
    state = {name: value + 0.3 if 'flow' in name and 'mask' not in name else value for name, value in state.items()}
    head.load_state_dict(state)
    assert (head.decode_outputs(outputs, test_cfg=on()).covariances != first).any()
    assert len(calls) == 2
    head.train().eval()
    head.decode_outputs(outputs, test_cfg=on())
    assert len(calls) == 3


def test_covariances_of_a_loss_of_mmpose_are_those_of_its_flow():
    head = rle_head().eval()
    loss = MMPoseRLELoss()
    other = RLEHead(4, JOINTS, decoder=dict(type='mmpose_ext.RegressionLabel', input_size=INPUT))
    other.loss_module = loss
    head.loss_module.flow_model.load_state_dict(loss.flow_model.state_dict())
    outputs = torch.randn(1, JOINTS, 4)
    expected = head.decode_outputs(outputs, test_cfg=on()).covariances
    torch.testing.assert_close(other.eval().decode_outputs(outputs, test_cfg=on()).covariances, expected)


def test_basic_design_moves_the_spread_through_the_flow():
    loss = RLELoss(flow=dict(type='RealNVP'), residual=False, reparameterized=False, q_distribution='gaussian')
    loss.flow_model = flow = trained_like_flow(2).double()
    means, sigma = torch.randn(6, 2, dtype=torch.float64), 1e-3
    found = loss.coordinate_covariances(means, torch.diag_embed(torch.full_like(means, sigma**2)))
    for mean, covariance in zip(means, found, strict=True):
        jacobian = torch.func.jacrev(lambda z: flow.inverse(z[None])[0][0])(mean).detach()
        torch.testing.assert_close(covariance, sigma**2 * jacobian @ jacobian.t(), rtol=0.05, atol=2e-8)


def test_dark_covariances_are_in_input_pixels():
    codec = KEYPOINT_CODECS.build(dict(type='mmpose_ext.DarkHeatmap', input_size=(192, 128), heatmap_size=(48, 64)))
    maps = render_gaussians(torch.tensor([[20.25, 30.5]]), (48, 64), sigma=2.0)[None]
    expected = torch.diag(torch.tensor([(2.0 * 4) ** 2, (2.0 * 2) ** 2]))
    torch.testing.assert_close(codec.covariances(maps)[0, 0], expected, atol=0.3, rtol=1e-2)


@pytest.mark.parametrize(
    'config',
    [
        dict(type='MSRAHeatmap', sigma=2.0),
        dict(type='MSRAHeatmap', sigma=2.0, unbiased=True),
        dict(type='UDPHeatmap', sigma=2.0),
        dict(type='MegviiHeatmap', kernel_size=11),
    ],
)
def test_codecs_of_mmpose_give_covariances_of_their_maps(config):
    codec = keypoint_codec(KEYPOINT_CODECS.build(dict(config, input_size=(192, 256), heatmap_size=(48, 64))))
    maps = 100 * render_gaussians(torch.tensor([[20.0, 30.0]]), (48, 64), sigma=2.0)[None]
    edge = config['type'] == 'UDPHeatmap'
    sides = [(192 - edge) / (48 - edge), (256 - edge) / (64 - edge)]
    expected = torch.diag(4 * torch.tensor(sides) ** 2)
    torch.testing.assert_close(codec.covariances(maps)[0, 0], expected, atol=1e-2, rtol=1e-3)


def test_a_codec_without_covariances_says_so():
    codec = keypoint_codec(KEYPOINT_CODECS.build(dict(type='SimCCLabel', input_size=(192, 256), sigma=6.0)))
    with pytest.raises(ValueError, match=r'output_covariances.*MMPoseCodec'):
        codec.covariances((torch.rand(1, 2, 384), torch.rand(1, 2, 512)))


def test_unknown_joints_may_be_anywhere():
    covariances = torch.full((1, 2, 2, 2), math.nan)
    covariances[0, 1] = torch.eye(2)
    encoded = Keypoints(torch.zeros(1, 2, 2), torch.ones(1, 2), None, covariances)
    found = RegressionLabel(INPUT).covariances(encoded)
    torch.testing.assert_close(found[0, 0], torch.diag(torch.tensor([96.0**2, 128.0**2]) / 12))
    torch.testing.assert_close(found[0, 1], torch.diag(torch.tensor([96.0**2, 128.0**2])))


def test_a_multi_stage_head_takes_those_of_its_last_stage():
    head = MODELS.build(
        dict(
            type='mmpose_ext.MultiStageHead',
            out_channels=JOINTS,
            head=dict(type='mmpose_ext.IntegralHead', loss_coord=dict(type='mmpose_ext.CoordinateLoss')),
            decoder=dict(type='mmpose_ext.IntegralLabel', input_size=INPUT, heatmap_size=(24, 32), heatmap_type=None),
        )
    )
    maps = [torch.randn(2, JOINTS, 32, 24) for _ in range(2)]
    found = head.decode_outputs(head.forward(maps), test_cfg=on()).covariances
    single = head.heads[0].decode_outputs(maps[-1], test_cfg=on()).covariances
    torch.testing.assert_close(found, single)
