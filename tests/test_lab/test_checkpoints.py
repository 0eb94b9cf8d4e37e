"""Official checkpoints: their names, the functions they compute, and what is refused or reported."""

import json
import logging
import pickle
from pathlib import Path

import numpy as np
import published_networks as published
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.runner import load_checkpoint
from torch import nn

from mmpose_ext.lab.checkpoints import convert_checkpoint
from mmpose_ext.lab.checkpoints.convert import convert_file, convert_weights
from mmpose_ext.registry import MODELS

JOINTS = 5
# small networks of each source
NETWORKS = {
    'fpd_hourglass': lambda: published.FpdNet(2, 8, JOINTS, blocks=2, depth=1),
    'princeton_hourglass': lambda: published.PrincetonNet(2, 8, JOINTS, depth=1),
    'rle': lambda: published.RleNet(18, JOINTS),
    'dark_simple_baseline': lambda: published.dark_net(18, JOINTS, (8, 6)),
}
every_source = pytest.mark.parametrize('source', NETWORKS)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture(scope='module')
def released():
    """The state dict of a small network, by its source; made once."""
    made = {}

    def get(source):
        if source not in made:
            made[source] = published.randomise(NETWORKS[source]()).state_dict()
        return dict(made[source])

    return get


def build(conversion):
    """The parts that a conversion names, under their names, as in a pose estimator."""
    return nn.ModuleDict({name: MODELS.build(dict(config)) for name, config in conversion.model.items()}).eval()


@torch.no_grad()
def computed(model, inputs):
    return model['head'](model['backbone'](inputs))


def images(size=64):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


# ---------------------------------------------------------------------------------------------
# names


@pytest.mark.parametrize(
    ('name', 'source', 'network', 'arguments'),
    [
        (
            'fpd_hourglass_4x128_mpii',
            'fpd_hourglass',
            lambda: published.FpdNet(4, 128, 16),
            dict(num_stacks=4, feat_channels=128, num_blocks=1, stem_channels=(32, 64, 128), depth=4),
        ),
        (
            'princeton_posenet_2x256_mpii',
            'princeton_hourglass',
            lambda: published.PrincetonNet(2, 256, 16),
            dict(num_stacks=2, feat_channels=256, num_blocks=1, stem_channels=(64, 128, 128), depth=4),
        ),
        ('rle_res50_coco', 'rle', lambda: published.RleNet(50, 17), dict(depth=50)),
        ('dark_pose_resnet50_coco', 'dark_simple_baseline', lambda: published.dark_net(50, 17), dict(depth=50)),
    ],
)
def test_names_are_those_of_the_published_checkpoints(name, source, network, arguments):
    """Of the networks in published_networks.py, and every one of them is converted or reported."""
    path = Path(__file__).resolve().parents[3] / 'shared' / 'reference' / published.KEYS
    if not path.exists():
        pytest.skip(f'key lists not found: ../shared/reference/{published.KEYS}')
    listed = {key: tuple(shape) for key, shape in json.loads(path.read_text())[name].items()}
    with torch.device('meta'):
        told = {key: tuple(value.shape) for key, value in network().state_dict().items()}
    assert told == listed
    conversion = convert_weights({key: torch.empty(shape, device='meta') for key, shape in listed.items()}, source)
    backbone = conversion.model['backbone']
    assert {key: backbone[key] for key in arguments} == arguments
    # MMPose's flow keeps two constants, and two pairs of layers become one
    made = dict(rle=len(listed) + 2 - 2).get(source, len(listed) - len(conversion.unused))
    assert len(conversion.state_dict) == made
    dead = [key for key in listed if 'skip_layer' in key and not key.startswith(('pre.1.', 'pre.4.'))]
    assert list(conversion.unused) == dead
    assert bool(dead) == (source == 'princeton_hourglass')


@every_source
def test_the_model_takes_all_parameters(source, released):
    conversion = convert_weights(released(source), source)
    model = build(conversion)
    assert conversion.state_dict.keys() == model.state_dict().keys()
    model.load_state_dict(conversion.state_dict, strict=True)


def test_rle_fits_mmposes_head_too(released):
    conversion = convert_weights(released('rle'), 'rle')
    loss = dict(type='RLELoss', use_target_weight=True)
    head = MODELS.build(dict(type='RLEHead', in_channels=512, num_joints=JOINTS, loss=loss))
    weights = {name: value for name, value in conversion.state_dict.items() if name.startswith('head.')}
    head.load_state_dict({name.removeprefix('head.'): value for name, value in weights.items()}, strict=True)
    mask, net = released('rle')['flow.mask'], released('rle')['flow.s.3.2.weight']
    flow = head.loss_module.flow_model
    assert (flow.mask == mask).all()
    assert (flow.s[3][2].weight == net).all()
    points = torch.randn(4, 2)
    normal = -points.square().sum(1) / 2 - np.log(2 * np.pi)
    np.testing.assert_allclose(flow.prior.log_prob(points), normal, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# functions; the hourglasses are compared in test_stacked_hourglass.py


@pytest.mark.parametrize('depth', [18, 50])
def test_rle_computes_the_same(depth):
    theirs = published.randomise(published.RleNet(depth, JOINTS))
    conversion = convert_weights(theirs.state_dict(), 'rle')
    model = build(conversion)
    model.load_state_dict(conversion.state_dict)
    with torch.no_grad():
        points, sigmas = theirs(images())
    outputs = computed(model, images())
    assert points.std() > 0.01
    assert sigmas.std() > 0.01
    np.testing.assert_allclose(outputs[..., :2] - 0.5, points, atol=1e-5 * (1 + points.abs().max().item()))
    np.testing.assert_allclose(outputs[..., 2:], sigmas, atol=1e-5 * (1 + sigmas.abs().max().item()))


@pytest.mark.parametrize(('depth', 'filters'), [(18, (8, 6)), (50, (4,))])
def test_dark_simple_baseline_computes_the_same(depth, filters):
    theirs = published.randomise(published.dark_net(depth, JOINTS, filters))
    conversion = convert_weights(theirs.state_dict(), 'dark_simple_baseline')
    model = build(conversion)
    model.load_state_dict(conversion.state_dict)
    with torch.no_grad():
        expected = theirs.forward(images())
    found = computed(model, images())
    assert found.shape == expected.shape
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


# ---------------------------------------------------------------------------------------------
# what training code puts around a state dict


def wrapped(weights, kind):
    prefix = {'ddp': 'module.', 'trainer': 'model.module.', 'twice': 'module.module.'}.get(kind, '')
    weights = {prefix + name: value for name, value in weights.items()}
    return {
        'plain': weights,
        'state_dict': dict(state_dict=weights, epoch=3),
        'model': dict(model=weights, optimizer=dict(state={}, param_groups=[])),
        'name beside it': dict(epoch=1, model='hourglass', state_dict=weights, perf=0.9),
        'nested': dict(model=dict(state_dict=weights)),
        'ddp': dict(state_dict=weights),
        'trainer': dict(state_dict=weights, optimizer={}),
        'twice': weights,
    }[kind]


@pytest.mark.parametrize('kind', ['state_dict', 'model', 'name beside it', 'nested', 'ddp', 'trainer', 'twice'])
def test_wrappers_and_prefixes(kind, released):
    weights = released('fpd_hourglass')
    expected = convert_checkpoint(weights, 'fpd_hourglass')
    found = convert_checkpoint(wrapped(weights, kind), 'fpd_hourglass')
    assert found.keys() == expected.keys()
    assert all(found[name] is expected[name] for name in expected), 'renamed, not copied'


@every_source
def test_checkpoints_older_than_the_counters(source, released):
    weights = released(source)
    counters = [name for name in weights if name.endswith('num_batches_tracked')]
    found = convert_checkpoint(weights, source)
    assert sum(name.endswith('num_batches_tracked') and value == 7 for name, value in found.items()) == len(counters)
    for name in counters:
        del weights[name]
    without = convert_checkpoint(weights, source)
    assert without.keys() == found.keys()
    assert sum(name.endswith('num_batches_tracked') and value == 0 for name, value in without.items()) == len(counters)


# ---------------------------------------------------------------------------------------------
# what does not fit


def damaged(weights, name, kind):
    """Weights with one of them gone, of another shape, or with another one beside it."""
    shape = tuple(weights[name].shape)
    other = (shape[0] + 2, *shape[1:]) if shape else (2,)
    if kind == 'gone':
        del weights[name]
    elif kind == 'shape':
        weights[name] = torch.zeros(other)
    else:
        weights[f'{name}_2'] = torch.zeros(other)
    return weights, shape, other


@every_source
@pytest.mark.parametrize('kind', ['gone', 'shape', 'more'])
def test_a_checkpoint_that_does_not_fit_is_refused(source, kind, released):
    conversion = convert_weights(released(source), source)
    names = [name for name in released(source) if name not in conversion.unused and 'num_batches' not in name]
    for name in [*names[:2], *names[7 :: len(names) // 5], names[-1]]:
        weights, shape, other = damaged(released(source), name, kind)
        with pytest.raises(ValueError) as caught:
            convert_checkpoint(weights, source)
        message = str(caught.value)
        assert message.startswith("'state_dict' must have")
        if kind == 'more':
            assert f'got {name}_2 of shape {other}' in message
        else:
            came = 'no such parameter' if kind == 'gone' else f'shape {other}'
            assert f'must have {name} of shape {shape}, got {came}' in message


def test_a_width_that_one_parameter_tells_is_asked_for(released):
    weights = released('dark_simple_baseline')
    del weights['final_layer.weight']
    with pytest.raises(ValueError, match=r"'state_dict' must have parameters final_layer.weight, got none of them"):
        convert_checkpoint(weights, 'dark_simple_baseline')


@every_source
def test_another_sources_checkpoint_is_refused(source, released):
    for other in NETWORKS:
        if other != source:
            with pytest.raises(ValueError, match=r"'state_dict' must have"):
                convert_checkpoint(released(other), source)


def test_rle_with_hidden_layers_is_refused(released):
    """They come before the coordinates and change them, though all else fits."""
    weights = released('rle') | {'fcs.0.weight': torch.zeros(512, 512)}
    with pytest.raises(
        ValueError, match=r'only parameters of the rle network .*got fcs.0.weight of shape \(512, 512\)'
    ):
        convert_checkpoint(weights, 'rle')


@pytest.mark.parametrize(
    ('checkpoint', 'came'),
    [
        ({}, 'got one with nothing'),
        (dict(epoch=1, model='hourglass'), "got one with 'epoch', 'model'"),
        (dict(state_dict=[]), "got one with 'state_dict'"),
        ([torch.zeros(1)], 'got list'),
        (None, 'got NoneType'),
    ],
)
def test_no_state_dict(checkpoint, came):
    with pytest.raises(ValueError, match=rf"'state_dict' must be a dictionary of tensors.* {came}"):
        convert_checkpoint(checkpoint, 'rle')


def test_unknown_source():
    with pytest.raises(ValueError, match=r"'source' must be one of 'fpd_hourglass', .*, got 'hourglass'"):
        convert_checkpoint({}, 'hourglass')


# ---------------------------------------------------------------------------------------------
# what is reported


@every_source
def test_what_is_no_part_of_the_network_is_reported(source, released, caplog):
    expected = convert_weights(released(source), source)
    extra = {'total_ops': torch.zeros(1), 'heatmapLoss.weight': torch.zeros(3), 'epoch': 7}
    conversion = convert_weights(released(source) | extra, source)
    assert set(conversion.unused) == {*expected.unused, *extra}
    assert conversion.state_dict.keys() == expected.state_dict.keys()
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, logger=logger.name):
            convert_checkpoint(released(source) | extra, source)
    finally:
        logger.removeHandler(caplog.handler)
    assert all(name in caplog.text for name in conversion.unused)


# ---------------------------------------------------------------------------------------------
# files


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_file_to_file(zipped, released, tmp_path):
    weights = released('princeton_hourglass')
    source, out = tmp_path / 'released.pt', tmp_path / 'new' / 'converted.pth'
    checkpoint = wrapped(weights, 'trainer')
    torch.save(checkpoint, source, _use_new_zipfile_serialization=zipped)
    conversion = convert_file('princeton_hourglass', str(source), str(out))
    written = torch.load(out, weights_only=True)
    assert written['meta']['source'] == 'princeton_hourglass'
    assert written['meta']['model'] == conversion.model
    assert written['meta']['unused'] == list(conversion.unused)
    model = build(conversion)
    load_checkpoint(model, str(out), map_location='cpu', strict=True)
    expected = convert_checkpoint(weights, 'princeton_hourglass')
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, expected[name])


def test_nothing_is_written_of_what_does_not_fit(released, tmp_path):
    torch.save(released('rle'), tmp_path / 'released.pt')
    with pytest.raises(ValueError, match=r"'state_dict' must have"):
        convert_file('dark_simple_baseline', str(tmp_path / 'released.pt'), str(tmp_path / 'new' / 'out.pth'))
    assert not (tmp_path / 'new').exists()


class _Evil:
    def __reduce__(self):
        return print, ('ran',)


def test_a_file_that_runs_code_is_refused(released, tmp_path, capsys):
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict=released('fpd_hourglass'), best=_Evil()), path)
    with pytest.raises(pickle.UnpicklingError):
        convert_file('fpd_hourglass', str(path), str(tmp_path / 'out.pth'))
    assert 'ran' not in capsys.readouterr().out
    assert not (tmp_path / 'out.pth').exists()
