"""The stacked hourglass against the released definitions told anew, the tables' sizes and costs, and by hand."""

import copy
import itertools
import pickle

import numpy as np
import published_networks as published
import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmpose_ext.lab.checkpoints import convert_checkpoint
from mmpose_ext.lab.profiling.complexity import paper_multiply_adds
from mmpose_ext.models.backbones import StackedHourglass
from mmpose_ext.models.layers import Hourglass, PreactBottleneck, Prediction
from mmpose_ext.registry import MODELS

TINY = dict(feat_channels=8, num_keypoints=5, stem_channels=(3, 4, 6))
NEWELL = (64, 128, 128)


def images(height=64, width=64, batch=2, seed=0):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def tiny(num_stacks=2, **change):
    return published.randomise(StackedHourglass(num_stacks, **{**TINY, **change}))


def loaded(network, source, **arguments):
    ours = StackedHourglass(**arguments).eval()
    weights = convert_checkpoint(network.state_dict(), source)
    ours.load_state_dict({name.removeprefix('backbone.'): weight for name, weight in weights.items()})
    return ours


@torch.no_grad()
def assert_same_function(ours, theirs, inputs):
    found, expected = ours(inputs), theirs(inputs)
    assert len(found) == len(expected)
    for maps, wanted in zip(found, expected, strict=True):
        assert maps.shape == wanted.shape
        assert wanted.std() > 0.1, 'the maps have to depend on the image'
        np.testing.assert_allclose(maps, wanted, rtol=1e-5, atol=1e-5 * wanted.abs().max().item())


# ---------------------------------------------------------------------------------------------
# the released definitions


@pytest.mark.parametrize(('stacks', 'blocks', 'size'), [(1, 1, (64, 64)), (3, 1, (128, 64)), (2, 2, (64, 128))])
def test_same_function_as_fpd(stacks, blocks, size):
    theirs = published.randomise(published.FpdNet(stacks, 16, 5, blocks))
    ours = loaded(
        theirs,
        'fpd_hourglass',
        num_stacks=stacks,
        feat_channels=16,
        num_blocks=blocks,
        num_keypoints=5,
        stem_channels=(4, 8, 16),
    )
    assert_same_function(ours, theirs, images(*size))


def test_same_function_as_the_port_of_newells_code():
    theirs = published.randomise(published.PrincetonNet(2, 12, 5))
    ours = loaded(theirs, 'princeton_hourglass', num_stacks=2, feat_channels=12, num_keypoints=5, stem_channels=NEWELL)
    assert_same_function(ours, theirs, images(64, 128))


def test_same_function_as_newells_torch_code():
    """With two residual modules in each place, which its port does not have, on its stem."""
    theirs = published.randomise(published.FpdNet(2, 12, 5, blocks=2, stem=NEWELL))
    ours = loaded(
        theirs,
        'fpd_hourglass',
        num_stacks=2,
        feat_channels=12,
        num_blocks=2,
        num_keypoints=5,
        stem_channels=NEWELL,
    )
    assert_same_function(ours, theirs, images())


def test_same_function_as_dark_for_128x96():
    theirs = published.randomise(published.FpdNet(2, 8, 5, stretch=True))
    ours = loaded(
        theirs,
        'fpd_hourglass',
        num_stacks=2,
        feat_channels=8,
        num_keypoints=5,
        stem_channels=(2, 4, 8),
        allow_uneven=True,
    )
    assert_same_function(ours, theirs, images(128, 96))


@pytest.mark.parametrize('source', ['fpd_hourglass', 'princeton_hourglass'])
def test_same_function_in_training(source):
    """Batch statistics, what the running ones become of them, and the gradient of the images."""
    stem = (4, 8, 16) if source == 'fpd_hourglass' else NEWELL
    theirs = {'fpd_hourglass': published.FpdNet, 'princeton_hourglass': published.PrincetonNet}[source](2, 16, 5)
    theirs = published.randomise(theirs)
    sizes = dict(num_stacks=2, feat_channels=16, num_keypoints=5, stem_channels=stem)
    # in double: batch norm over the few cells of the smallest maps makes much of a rounding error
    networks = theirs.double().train(), loaded(theirs, source, **sizes).double().train()
    inputs = [images(128, 64, batch=4).double().requires_grad_() for _ in networks]
    expected, found = (network(batch) for network, batch in zip(networks, inputs, strict=True))
    for maps, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(maps.detach(), wanted.detach(), rtol=1e-5, atol=1e-8)
    for outputs in (expected, found):
        sum(maps.square().sum() for maps in outputs).backward()
    np.testing.assert_allclose(inputs[1].grad, inputs[0].grad, rtol=1e-5, atol=1e-6 * inputs[0].grad.abs().max())
    after = convert_checkpoint(networks[0].state_dict(), source)
    for name, value in networks[1].state_dict().items():
        np.testing.assert_allclose(value, after[f'backbone.{name}'], rtol=1e-6, err_msg=name)


def test_depth():
    theirs = published.randomise(published.FpdNet(2, 8, 5, depth=2))
    ours = loaded(
        theirs, 'fpd_hourglass', num_stacks=2, feat_channels=8, num_keypoints=5, stem_channels=(2, 4, 8), depth=2
    )
    assert_same_function(ours, theirs, images(48, 32))


def test_uneven_images_change_nothing_for_the_even_ones():
    ours, other = tiny(), tiny(allow_uneven=True)
    assert_same_function(ours, other, images(64, 128))


# ---------------------------------------------------------------------------------------------
# predictions inside an hourglass


def by_hand(hourglass, x, predictions):
    """Level by level from the bottom, of an hourglass of depth 4, with maps inside of the topmost ``predictions``."""
    levels = [hourglass]
    while isinstance(levels[-1].inner, Hourglass):
        levels.append(levels[-1].inner)
    skips = []
    for level in levels:
        skips.append(level.skip(x))
        x = level.down(torch.nn.functional.max_pool2d(x, 2))
    x = levels[-1].inner(x)
    maps = []
    for number, level in reversed([*enumerate(levels)]):
        if number < predictions:
            branch = level.prediction
            y = torch.relu(branch.bn(branch.conv(x)))
            maps.append(branch.predict(y))
            x = x + branch.merge_features(y) + branch.merge_maps(maps[-1])
        x = skips[number] + level.up(x).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return x, maps


@torch.no_grad()
@pytest.mark.parametrize('predictions', [0, 1, 2, 3])
def test_predictions_inside(predictions):
    network = tiny(2, num_blocks=2, inner_predictions=predictions)
    inputs = images(64, 128)
    expected = []
    x = network.stem(inputs)
    for stack in network.stacks:
        features, maps = by_hand(stack.hourglass, x, predictions)
        branch = stack.prediction
        y = torch.relu(branch.bn(branch.conv(stack.blocks(features))))
        expected += [*maps, branch.predict(y)]
        if stack is not network.stacks[-1]:
            x = x + branch.merge_features(y) + branch.merge_maps(expected[-1])
    found = network(inputs)
    sizes = [tuple(maps.shape) for maps in found]
    assert sizes == 2 * [(2, 5, 16 // 2**i, 32 // 2**i) for i in range(predictions, -1, -1)]
    for maps, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(maps, wanted, rtol=1e-5, atol=1e-6 * wanted.abs().max().item())


@pytest.mark.parametrize('predictions', [0, 2])
def test_every_parameter_learns_from_the_last_maps_alone(predictions):
    """So that a network without intermediate supervision trains in DistributedDataParallel as it is."""
    network = tiny(2, inner_predictions=predictions).train()
    network(images(128, 128))[-1].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or (name.endswith('bias') and 'conv' in name), name


# ---------------------------------------------------------------------------------------------
# input sizes and arguments


@pytest.mark.parametrize('size', [(100, 100), (64, 96), (96, 64), (32, 64), (63, 64), (64, 1), (16, 16)])
def test_sizes_that_do_not_halve_are_refused(size):
    height, width = size
    with pytest.raises(ValueError, match=rf"'inputs' must have .* multiples of 64 .*got {height}x{width}"):
        tiny()(images(height, width))


@pytest.mark.parametrize('size', [(64, 98), (66, 64), (60, 64), (32, 96)])
def test_uneven_sizes_that_are_refused_all_the_same(size):
    with pytest.raises(ValueError, match=r'multiples of 4 and at least 64 .*allow_uneven=True'):
        tiny(allow_uneven=True)(images(*size))


def test_the_multiple_depends_on_the_depth():
    assert tiny(depth=3)(images(96, 32))[0].shape == (2, 5, 24, 8)
    with pytest.raises(ValueError, match=r'multiples of 32 .*got 48x32'):
        tiny(depth=3)(images(48, 32))
    with pytest.raises(ValueError, match=r'multiples of 128 .*got 64x64'):
        tiny(depth=5)(images())


@pytest.mark.parametrize(
    ('argument', 'bad'),
    [
        *itertools.product(('num_stacks', 'num_blocks', 'num_keypoints', 'depth'), (0, -1, 1.5, '2', None)),
        *itertools.product(('inner_predictions',), (-1, 4, 1.0)),
        *itertools.product(('feat_channels',), (0, 1, 7, 8.0)),
        *itertools.product(('stem_channels',), ((4, 4), (4, 3, 4), (4, 4, 3), (0, 4, 4), (4.0, 4, 4), (2, 2, 2, 2))),
    ],
)
def test_numbers_out_of_range_are_refused(argument, bad):
    with pytest.raises(ValueError, match=f"'{argument}' must be .*, got "):
        tiny(**{argument: bad})


def test_a_module_of_odd_width_is_refused():
    with pytest.raises(ValueError, match=r"'out_channels' must be an even number, got 5"):
        PreactBottleneck(4, 5)


def shapes(network):
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


@pytest.mark.parametrize(
    'change',
    [
        dict(num_stacks=3),
        dict(feat_channels=10),
        dict(num_blocks=2),
        dict(num_keypoints=6),
        dict(stem_channels=(2, 4, 6)),
        dict(stem_channels=(3, 6, 6)),
        dict(stem_channels=(3, 4, 8)),
        dict(depth=3),
        dict(inner_predictions=1),
    ],
)
def test_every_argument_changes_the_network(change):
    assert shapes(tiny()) != shapes(tiny(**change))


def test_initialization():
    network = StackedHourglass(1, **TINY)
    conv = network.stacks[0].blocks[0].conv2
    bound = (9 * 4) ** -0.5  # 3x3 cells, 4 channels
    for values in (conv.weight, conv.bias):
        assert 0.5 * bound < values.abs().max() <= bound
    kept = conv.weight.clone()
    network.init_weights()
    assert (conv.weight == kept).all(), "without a config torch's own values stay"
    network = StackedHourglass(1, **TINY, init_cfg=dict(type='Constant', layer='Conv2d', val=0.25))
    network.init_weights()
    assert (network.stacks[0].blocks[0].conv2.weight == 0.25).all()


# ---------------------------------------------------------------------------------------------
# sizes and costs


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(*arguments, **named):
    """A network without memory, for counting."""
    with torch.device('meta'):
        return StackedHourglass(*arguments, **named).eval()


def multiply_adds(network, height, width):
    return paper_multiply_adds(network, torch.empty(1, 3, height, width, device='meta'))


# table 5 of FPD: parameters in millions with the table's rounding, cost in "G"
FPD_TABLE = {
    (8, 256): (26, 0.6, 55),
    (4, 256): (13, 0.5, 30),
    (2, 256): (7, 0.5, 17),
    (1, 256): (3, 0.5, 10),
    (4, 128): (3, 0.5, 9),
    (4, 64): (0.95, 0.005, 4.5),
    (4, 32): (0.34, 0.005, 3.1),
}


@pytest.mark.parametrize(('stacks', 'channels'), FPD_TABLE)
def test_table_5_of_fpd(stacks, channels):
    """The table counts a multiply-add as two operations, in units of 10^9, on Newell's stem at every width."""
    millions, rounding, cost = FPD_TABLE[stacks, channels]
    network = on_meta(stacks, channels)
    assert parameters(network) / 1e6 == pytest.approx(millions, abs=rounding)
    # the table may count norms and additions too: 2 % at most
    assert 2 * multiply_adds(network, 256, 256) / 1e9 == pytest.approx(cost, rel=0.02, abs=0.5 if cost > 5 else 0.05)


def test_narrow_networks_of_fpds_code_are_smaller_than_in_its_paper():
    """Its code narrows the stem as well."""
    network = on_meta(4, 32, stem_channels=(8, 16, 32))
    assert parameters(network) / 1e6 == pytest.approx(0.218, abs=5e-4)
    assert parameters(network) == parameters(published.FpdNet(4, 32, 16))


@pytest.mark.parametrize(('stacks', 'millions', 'cost'), [(4, 13.0, 2.7), (8, 25.6, 4.9)])
def test_table_5_of_dark(stacks, millions, cost):
    """Giga is 2^30 there, as with HRNet; for 8 stacks the table has HRNet's 25.1 M, its code 25.6."""
    network = on_meta(stacks, num_keypoints=17, stem_channels=(64, 128, 256), allow_uneven=True)
    assert parameters(network) / 1e6 == pytest.approx(millions, abs=0.05)
    assert multiply_adds(network, 128, 96) / 2**30 == pytest.approx(cost, abs=0.05)


def test_hrnets_cost_is_without_the_modules_behind_the_hourglasses():
    """HRNet's table: 25.1 M and 19.1 G for 8 stacks at 256x256."""
    network = on_meta(8)
    assert parameters(network) / 25.1e6 == pytest.approx(1, abs=0.015)
    full = multiply_adds(network, 256, 256) / 2**30
    for stack in network.stacks:
        stack.blocks = nn.Identity()
    assert full == pytest.approx(25.56, abs=0.005)
    assert multiply_adds(network, 256, 256) / 2**30 == pytest.approx(19.1, abs=0.05)


def test_the_networks_of_figures_8_and_9_have_about_as_many_parameters():
    counts = [parameters(on_meta(stacks, num_blocks=8 // stacks)) for stacks in (1, 2, 4, 8)]
    assert max(counts) / min(counts) < 1.05
    supervised = parameters(on_meta(1, num_blocks=8, inner_predictions=2))
    assert supervised - counts[0] == 2 * parameters(Prediction(256, 16))


# ---------------------------------------------------------------------------------------------
# as a part of MMPose


def test_from_a_config_and_back():
    config = dict(type='mmpose_ext.StackedHourglass', num_stacks=2, **TINY)
    network = published.randomise(MODELS.build(Config.fromstring(Config(config).pretty_text, '.py').to_dict()))
    expected = network(images())
    for other in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        for maps, wanted in zip(other(images()), expected, strict=True):
            np.testing.assert_array_equal(maps.detach(), wanted.detach())


def test_inputs_are_left_alone():
    inputs = images()
    kept = inputs.clone()
    for mode in (True, False):
        tiny(inner_predictions=1).train(mode)(inputs)
        assert (inputs == kept).all()


@pytest.mark.parametrize('merge', [True, False])
def test_prediction_leaves_its_base_alone(merge):
    branch = published.randomise(Prediction(4, 3, merge))
    base = torch.randn(1, 4, 8, 8)
    kept = base.clone()
    merged, maps = branch(base, base)
    assert (base == kept).all()
    assert (merged is base) == (not merge)
    assert maps.shape == (1, 3, 8, 8)


def test_gradients():
    """In-place sums and ReLUs keep what the backward pass needs."""
    network = tiny(2, depth=1, inner_predictions=0, feat_channels=2, stem_channels=(1, 2, 2), num_keypoints=1).double()
    inputs = images(8, 8, batch=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network(x), (inputs,), fast_mode=True)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_low_precision(dtype):
    network = tiny()
    expected = network(images())[-1].detach()
    try:
        with torch.autocast('cpu', dtype):
            found = [network(images())[-1]]
        found.append(network.to(dtype)(images().to(dtype))[-1])
    except RuntimeError as error:  # torch 2.1 has no fp16 on the CPU
        pytest.skip(f'this torch has no {dtype} on the CPU: {error}')
    for maps in found:
        assert maps.dtype == dtype
        np.testing.assert_allclose(maps.detach().float(), expected, atol=0.1 * expected.abs().max().item())
