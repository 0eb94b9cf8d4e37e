import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import load_checkpoint
from mmpose.models.backbones import ResNet
from torch import nn

from mmpose_ext.models.backbones import MultiStageResNet
from mmpose_ext.models.heads import HeatmapHead
from mmpose_ext.registry import MODELS

JOINTS = 3
THIN = dict(stem_channels=8, base_channels=8)
LAYERS = dict(deconv_out_channels=(6, 5, 4), deconv_kernel_sizes=(4, 3, 2))
SMALL = dict(depth=18, num_keypoints=JOINTS, **THIN, **LAYERS)

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def spread(module, seed=0):
    """Random weights and statistics of ordinary size."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith('running_var'):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif value.is_floating_point():
                fan_in = max(value[0].numel(), 1) if value.dim() > 1 else 1
                value.copy_(torch.randn(value.shape, generator=generator) / fan_in**0.5)
    return module


def network(**change):
    return spread(MultiStageResNet(**{**SMALL, **change}))


def plain(**change):
    """MMPose's ResNet and the head of Simple Baselines."""
    settings = {**SMALL, **change}
    layers = {name: settings.pop(name) for name in LAYERS}
    joints = settings.pop('num_keypoints')
    resnet = ResNet(**settings)
    channels = resnet.feat_dim
    return spread(resnet, seed=1), spread(HeatmapHead(channels, joints, **layers), seed=2)


def images(height=64, width=96, count=2):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def input_of(module):
    """The inputs of a module's next call, as they come."""
    seen = []
    module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    return seen


def mean_of_blocks(maps, side):
    """Mean of the cells of each block, cell by cell."""
    count, joints, height, width = maps.shape
    means = np.zeros((count, joints, height // side, width // side))
    for row in range(height):
        for column in range(width):
            means[:, :, row // side, column // side] += maps[:, :, row, column].numpy() / side**2
    return means


# ---------------------------------------------------------------------------------------------
# what it computes


@pytest.mark.parametrize(
    'change', [{}, dict(depth=50, base_channels=4), dict(deep_stem=True, avg_down=True), dict(style='caffe', depth=50)]
)
def test_one_stage_is_a_resnet_with_a_heatmap_head(change):
    resnet, head = plain(**change)
    net = network(num_stages=1, **change)
    net.load_state_dict(
        {
            **resnet.state_dict(),
            **{f'stages.0.head.{name}': value for name, value in head.state_dict().items()},
        },
        strict=True,
    )
    net.eval(), resnet.eval(), head.eval()
    with torch.no_grad():
        (maps,) = net(images())
        assert maps.shape == (2, JOINTS, 16, 24)
        np.testing.assert_array_equal(maps, head(resnet(images())))
        assert maps.std() > 0.01


@pytest.mark.parametrize('stages', [2, 3])
def test_a_stage_sees_the_features_of_conv3_and_the_maps_before(stages):
    net = network(num_stages=stages)
    net.eval()
    conv3, *seen = [input_of(module) for module in (net.stages[0].layer3, *(stage.layer3 for stage in net.stages[1:]))]
    with torch.no_grad():
        outputs = net(images())
        assert len(outputs) == stages
        channels = conv3[0].shape[1]
        assert conv3[0].shape == (2, 16, 8, 12)  # stride 8
        for stage, (inputs,) in enumerate(seen, 1):
            np.testing.assert_array_equal(inputs[:, :channels], conv3[0])
            np.testing.assert_allclose(inputs[:, channels:], mean_of_blocks(outputs[stage - 1], 2), atol=1e-6)
            alone = net.stages[stage]
            np.testing.assert_array_equal(outputs[stage], alone.head(alone.layer4(alone.layer3(inputs))))
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize(('deconvolutions', 'side'), [(4, 4), (3, 2), (2, 1)])
def test_maps_come_to_the_size_of_the_features(deconvolutions, side):
    net = network(deconv_out_channels=(4,) * deconvolutions, deconv_kernel_sizes=(4,) * deconvolutions)
    net.eval()
    seen = input_of(net.stages[1].layer3)
    with torch.no_grad():
        maps = net(images())[0]
    assert maps.shape[-2:] == (8 * side, 12 * side)
    np.testing.assert_allclose(seen[0][:, -JOINTS:], mean_of_blocks(maps, side), atol=1e-6)


@pytest.mark.parametrize('deconvolutions', [0, 1])
def test_smaller_maps_are_repeated(deconvolutions):
    net = network(deconv_out_channels=(4,) * deconvolutions, deconv_kernel_sizes=(4,) * deconvolutions)
    net.eval()
    seen = input_of(net.stages[1].layer3)
    with torch.no_grad():
        maps = net(images())[0].numpy()
    side = 4 // 2**deconvolutions
    np.testing.assert_array_equal(seen[0][:, -JOINTS:], maps.repeat(side, 2).repeat(side, 3))


def test_the_first_stage_gets_gradients_through_the_second():
    """A head may leave out the loss on the first stage; no parameter is unused then."""
    net = network().train()
    first, last = MultiStageResNet.forward(net, images())
    last.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert net.stages[0].head.final_layer.weight.grad.abs().sum() > 0
    assert first.requires_grad


# ---------------------------------------------------------------------------------------------
# weights of a plain ResNet


def imagenet(tmp_path, **change):
    """A ResNet's checkpoint as torchvision publishes them, and the network it belongs to."""
    resnet, head = plain(**change)
    path = tmp_path / 'resnet.pth'
    torch.save({**resnet.state_dict(), 'fc.weight': torch.rand(1000, resnet.feat_dim)}, path)
    return resnet, head, str(path)


@pytest.mark.parametrize('change', [{}, dict(depth=50, base_channels=4), dict(deep_stem=True, avg_down=True)])
def test_imagenet_weights_reach_every_stage(tmp_path, change):
    resnet, head, path = imagenet(tmp_path, **change)
    net = network(num_stages=3, init_cfg=dict(type='Pretrained', checkpoint=path), **change)
    net.init_weights()
    for stage in net.stages:  # one head for all: what differs then comes from the maps
        stage.head.load_state_dict(head.state_dict(), strict=True)
    net.eval(), resnet.eval(), head.eval()
    with torch.no_grad():
        expected = head(resnet(images()))
        for maps in net(images()):
            np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-5)
        # the number of joints is odd, all others are even
        conv4 = [dict(stage.layer3.named_parameters()) for stage in net.stages]
        widened = [name for name, weight in conv4[1].items() if weight.dim() == 4 and weight.shape[1] % 2]
        assert len(widened) == 2  # the first convolution and the way around
        for name in widened:
            assert (conv4[1][name][:, -JOINTS:] == 0).all()
            assert (conv4[1][name][:, :-JOINTS] == conv4[0][name]).all()
    net.train()
    net(images())[1].square().mean().backward()
    assert all(conv4[1][name].grad[:, -JOINTS:].abs().sum() > 0 for name in widened)


def test_what_a_checkpoint_has_and_lacks(tmp_path):
    _, _, path = imagenet(tmp_path)
    model = nn.ModuleDict(dict(backbone=network()))
    weights = {f'backbone.{name}': value for name, value in torch.load(path).items()}
    kept = list(weights)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert unexpected == ['backbone.fc.weight']
    assert missing == [name for name in model.state_dict() if '.head.' in name and 'tracked' not in name]
    assert list(weights) == kept


def test_the_maps_layers_start_as_those_of_a_head(tmp_path):
    _, _, path = imagenet(tmp_path)
    for init_cfg in (dict(init_cfg=dict(type='Pretrained', checkpoint=path)), {}):
        net = network(**init_cfg)
        net.init_weights()
        for stage in net.stages:
            weights = torch.cat([p.flatten() for n, p in stage.head.named_parameters() if p.dim() == 4])
            assert 0.0008 < weights.std() < 0.0012
            assert (stage.head.deconv_layers[1].weight == 1).all()
            # without a start, residual modules begin as the identity, as MMPose's do
            assert (stage.layer4[1].norm2.weight == 0).all() == (not init_cfg)


def test_checkpoints_of_its_own_load(tmp_path):
    net, other = network(num_stages=3), spread(MultiStageResNet(**SMALL, num_stages=3), seed=5)
    torch.save(net.state_dict(), tmp_path / 'own.pth')
    load_checkpoint(other, str(tmp_path / 'own.pth'), strict=True)
    net.eval(), other.eval()
    with torch.no_grad():
        for one, two in zip(net(images()), other(images()), strict=True):
            assert (one == two).all()


def test_stages_share_no_memory(tmp_path):
    _, _, path = imagenet(tmp_path)
    net = network()
    net.load_state_dict(torch.load(path), strict=False, assign=True)
    first, second = (stage.layer4[0].conv1.weight for stage in net.stages)
    assert (first == second).all()
    assert first.data_ptr() != second.data_ptr()


@pytest.mark.parametrize('change', [dict(base_channels=4), dict(depth=50)])
def test_weights_of_another_resnet_are_refused(tmp_path, change):
    _, _, path = imagenet(tmp_path, **change)
    with pytest.raises(RuntimeError, match=r'size mismatch for stages\.0\.layer3\.0\.conv1\.weight'):
        network().load_state_dict(torch.load(path), strict=False)


# ---------------------------------------------------------------------------------------------
# settings


@pytest.mark.parametrize(
    'change',
    [
        dict(num_stages=3),
        dict(num_keypoints=JOINTS + 1),
        dict(depth=34),
        dict(base_channels=6),
        dict(stem_channels=6),
        dict(deconv_out_channels=(6, 5, 5)),
        dict(deconv_kernel_sizes=(4, 4, 2)),
        dict(deep_stem=True),
        dict(in_channels=1),
    ],
)
def test_every_argument_changes_the_weights(change):
    shapes = [
        {name: tuple(value.shape) for name, value in MultiStageResNet(**settings).state_dict().items()}
        for settings in (SMALL, {**SMALL, **change})
    ]
    assert shapes[0] != shapes[1]


def test_settings_of_the_resnet_reach_the_stages():
    net = network(norm_cfg=dict(type='SyncBN'), with_cp=True)
    assert isinstance(net.stages[1].layer4[0].norm1, nn.SyncBatchNorm)
    assert net.stages[1].layer3[0].with_cp


def test_frozen_layers_are_those_that_stages_share():
    net = network(frozen_stages=2, norm_eval=True)
    net.train()
    assert {name.partition('.')[0] for name, value in net.named_parameters() if value.requires_grad} == {'stages'}
    assert not any(module.training for module in net.modules() if isinstance(module, nn.BatchNorm2d))


def test_size_of_the_papers_network():
    """Two stages of ResNet-50: everything but the stem, conv2 and conv3 is there twice."""
    with torch.device('meta'):
        resnet, head, net = ResNet(50), HeatmapHead(2048, 16), MultiStageResNet(50, num_stages=2, num_keypoints=16)
    shared = stage = 0
    for name, weight in resnet.named_parameters():
        own = name.startswith(('layer3', 'layer4'))
        shared, stage = shared + (not own) * weight.numel(), stage + own * weight.numel()
    stage += sum(weight.numel() for weight in head.parameters())
    maps = 16 * (256 + 1024)
    assert sum(weight.numel() for weight in net.parameters()) == shared + 2 * stage + maps
    assert net.num_stages == len(net.stages) == 2


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_autocast(dtype):
    net = network()
    net.eval()
    with torch.no_grad():
        expected = net(images())
        try:
            with torch.autocast('cpu', dtype):
                outputs = net(images())
                with torch.enable_grad():
                    assert {maps.dtype for maps in net(images())} == {dtype}
        except RuntimeError as error:  # torch 2.1 has no fp16 on the CPU
            pytest.skip(f'no autocast to {dtype} on the CPU: {error}')
    for maps, wanted in zip(outputs, expected, strict=True):
        assert maps.dtype == torch.float32, 'the last layer has the type of its weights'
        assert (maps - wanted).abs().max() < 0.05 * wanted.abs().max()


def test_it_survives_config_pickle_and_copy():
    config = dict(type='mmpose_ext.MultiStageResNet', **SMALL)
    net = MODELS.build(config)
    rebuilt = MODELS.build(Config.fromstring(Config(dict(it=config)).pretty_text, '.py').it)
    rebuilt.load_state_dict(net.state_dict(), strict=True)
    net.eval(), rebuilt.eval()
    with torch.no_grad():
        for other in (rebuilt, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            for maps, expected in zip(other(images()), net(images()), strict=True):
                assert (maps == expected).all()


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(depth=20), r"'depth' must be one of 18, 34, 50, 101, 152, got 20"),
        (dict(num_stages=0), r"'num_stages' must be a whole number >= 1, got 0"),
        (dict(num_keypoints=1.5), r"'num_keypoints' must be a whole number >= 1, got 1\.5"),
        (dict(frozen_stages=3), r"'frozen_stages' must be one of -1, 0, 1, 2, got 3"),
        (dict(deconv_kernel_sizes=(4,)), r"'deconv_kernel_sizes' must have one entry for each of .* got \(4,\)"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        MultiStageResNet(**{**SMALL, **change})


@pytest.mark.parametrize(('height', 'width'), [(64, 48), (72, 64), (31, 32)])
def test_sizes_that_do_not_divide(height, width):
    with pytest.raises(ValueError, match=rf"'inputs' .* multiples of 32, got {height}x{width}"):
        network()(images(height, width))
