"""A user's codec, registered outside of the package, trains, tests and distils with nothing but the protocol."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import make_features, make_samples, pack_targets, random_keypoints
from user_codecs import registered

from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

sys.path.insert(0, str(Path(__file__).parent / 'test_models' / 'test_distillers'))
from small_models import HEADS, INPUT, JOINTS, distilled_config, maps_head, model_config, sizes

pytestmark = pytest.mark.usefixtures('mmpose_scope')
each_codec = pytest.mark.parametrize('kind', ['derived', 'protocol'])


@pytest.fixture(autouse=True)
def codecs():
    with registered() as names:
        yield {kind: dict(type=name, **sizes()) for kind, name in names.items()}


def head_of(codec, **change):
    return maps_head(decoder=codec, **change)


def people(count=3, seed=0):
    return random_keypoints(count, JOINTS, INPUT, margin=14, seed=seed)


def found_points(predictions):
    return np.concatenate([prediction.keypoints for prediction in predictions])


@each_codec
def test_mmposes_methods_follow(codecs, kind):
    codec = KEYPOINT_CODECS.build(codecs[kind])
    keypoints = people()
    maps = codec.encode_batch(torch.from_numpy(keypoints))['heatmaps']
    points, scores = codec.batch_decode(maps)
    np.testing.assert_allclose(np.concatenate(points), keypoints, atol=1.5)
    for n in range(3):
        encoded = codec.encode(keypoints[n : n + 1])
        np.testing.assert_allclose(encoded['heatmaps'], maps[n], atol=1e-6)
        alone, confidence = codec.decode(encoded['heatmaps'])
        np.testing.assert_allclose(alone, points[n], atol=1e-3)
        np.testing.assert_allclose(confidence, scores[n], atol=1e-6)
    assert codec.support_batch_decoding


@each_codec
def test_it_trains_and_tests(codecs, kind):
    """Maps that can be learned stand in for a network; targets by the head and by the pipeline are the same."""
    head = MODELS.build(head_of(codecs[kind], in_channels=JOINTS, final_layer=None)).eval()
    keypoints = people()
    samples = make_samples(keypoints, None, INPUT)
    maps = (0.01 * make_features(3, JOINTS, sizes()['heatmap_size'])[0]).requires_grad_()
    packed = pack_targets(samples, codecs[kind])
    assert head.loss((maps,), samples)['loss_kpt'].item() == pytest.approx(
        head.loss((maps,), packed)['loss_kpt'].item()
    )
    optimizer = torch.optim.Adam([maps], lr=0.05)
    for _ in range(120):
        loss = head.loss((maps,), samples)['loss_kpt']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        np.testing.assert_allclose(found_points(head.predict((maps,), samples)), keypoints, atol=2)
        mirrored = maps.flip(-1)[:, samples[0].metainfo['flip_indices']]
        twice = head.predict([(maps,), (mirrored,)], samples, dict(flip_test=True))
    np.testing.assert_allclose(found_points(twice), keypoints, atol=2)


@each_codec
@pytest.mark.parametrize('learn', ['auto', 'points'])
def test_it_learns_from_a_teacher(codecs, kind, learn):
    """Of a DARK teacher maps: not points, as where a list of names decided."""
    model = MODELS.build(distilled_config(model_config(), head_of(codecs[kind]), learn=learn))
    model._teacher.loaded = True
    assert model.learn == ('maps' if learn == 'auto' else 'points')
    losses = model.loss(torch.randn(2, 3, INPUT[1], INPUT[0]), make_samples(people(2), None, INPUT))
    losses['loss_pd' if learn == 'auto' else 'pd.loss_kpt'].backward()
    assert model.head.final_layer.weight.grad.abs().sum() > 0


@each_codec
@pytest.mark.parametrize('student', ['maps', 'integral', 'RLE'])
def test_it_teaches(codecs, kind, student):
    teacher = MODELS.build(model_config(head_of(codecs[kind])))
    keypoints = torch.from_numpy(people(2))
    maps = teacher.head.decoder.encode_batch(keypoints)['heatmaps']
    teacher.head.forward = lambda feats: maps
    model = MODELS.build(distilled_config(teacher, HEADS[student]))
    assert model.learn == ('maps' if student == 'maps' else 'points')
    inputs, samples = torch.randn(2, 3, INPUT[1], INPUT[0]), make_samples(people(2), None, INPUT)
    losses = model.loss(inputs, samples)
    assert sum(value for name, value in losses.items() if 'pd' in name) != 0
    points, scores = model._teacher.points(inputs, samples)
    expected = teacher.head.decoder.decode_tensors(maps)
    torch.testing.assert_close(points * torch.tensor(INPUT), expected.points)
    torch.testing.assert_close(scores, expected.scores.clamp(max=1))
