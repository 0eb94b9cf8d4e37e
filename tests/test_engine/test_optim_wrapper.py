"""Training in bfloat16 on a CPU: by one line of a config or ``--amp``, with weights and checkpoints in float32."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SMALL_NETWORK
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from mmpose_ext.apis.test import evaluate
from mmpose_ext.apis.train import train
from mmpose_ext.engine import BFloat16OptimWrapper
from mmpose_ext.models.layers import Prediction, predict_maps

pytestmark = pytest.mark.usefixtures('mmpose_scope')
OPTIONS = SMALL_NETWORK | {'train_cfg.val_interval': 1}


class Recorder(nn.Module):
    """A convolution that notes the type of what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.types: list[torch.dtype] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output = self.conv(images)
        self.types.append(output.dtype)
        return output


def wrapper_of(model: nn.Module, **arguments: Any) -> OptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return OPTIM_WRAPPERS.build(dict(type='mmpose_ext.BFloat16OptimWrapper', optimizer=optimizer, **arguments))


def test_only_the_forward_pass_is_in_bfloat16() -> None:
    model = Recorder()
    wrapper = wrapper_of(model)
    assert isinstance(wrapper, BFloat16OptimWrapper)
    images = torch.randn(2, 3, 8, 8)
    with wrapper.optim_context(model):
        loss = model(images).square().mean()
    model(images)
    assert model.types == [torch.bfloat16, torch.float32]
    loss.backward()
    assert {(value.dtype, value.grad.dtype) for value in model.parameters()} == {(torch.float32, torch.float32)}


def test_gradients_are_those_of_float32_but_for_rounding() -> None:
    torch.manual_seed(0)
    model, images = Recorder(), torch.randn(8, 3, 32, 32)
    gradients = []
    for wrapper in (OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)), wrapper_of(model)):
        model.zero_grad()
        with wrapper.optim_context(model):
            model(images).square().mean().backward()
        gradients.append(model.conv.weight.grad.clone())
    plain, found = gradients
    assert not torch.equal(found, plain)
    assert (found - plain).norm() < 0.01 * plain.norm()


def test_its_arguments_are_those_of_optim_wrapper() -> None:
    """Gradients are accumulated and clipped as by ``OptimWrapper``."""
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    weights = []
    for kind in ('OptimWrapper', 'mmpose_ext.BFloat16OptimWrapper'):
        torch.manual_seed(1)
        model = Recorder()
        wrapper = OPTIM_WRAPPERS.build(
            dict(
                type=kind,
                optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
                accumulative_counts=2,
                clip_grad=dict(max_norm=0.01),
            )
        )
        wrapper.initialize_count_status(model, 0, 4)
        start = model.conv.weight.detach().clone()
        changed = []
        for _ in range(4):
            with wrapper.optim_context(model):
                loss = model(images).square().mean()
            wrapper.update_params(loss)
            changed.append(not torch.equal(model.conv.weight, start))
        assert changed == [False, True, True, True], kind
        # two steps of a gradient whose norm is .01, with a learning rate of .1
        assert (model.conv.weight - start).norm() < 0.0021
        weights.append(model.conv.weight.detach().clone())
    assert torch.allclose(*weights, atol=2e-5)


def test_amp_on_a_cpu(tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training by ``--amp``, its checkpoint in float32, and a test of it in both types."""
    monkeypatch.setattr('mmpose_ext.apis.train.get_device', lambda: 'cpu')
    name = f'amp-{np.random.default_rng().integers(2**60)}'
    options = OPTIONS | {'experiment_name': name, 'visualizer.name': name, 'optim_wrapper.loss_scale': 512.0}
    runner = train(str(tiny_config), str(tmp_path), amp=True, cfg_options=options)
    assert isinstance(runner.optim_wrapper, BFloat16OptimWrapper)
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert {value.dtype for value in saved.values() if value.is_floating_point()} == {torch.float32}
    figures = []
    for half in (False, True):
        changes = options | {'test_cfg.fp16': half, 'experiment_name': f'{name}-{half}'}
        del changes['optim_wrapper.loss_scale']
        figures.append(evaluate(str(tiny_config), str(tmp_path / 'epoch_1.pth'), str(tmp_path), cfg_options=changes))
    assert figures[0].keys() == figures[1].keys()


def test_amp_keeps_what_a_config_chose(tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a GPU, ``--amp`` is MMEngine's own, unless the config names ours."""

    class Chosen(Exception):
        pass

    def stop(cfg: Config) -> None:
        raise Chosen(cfg.optim_wrapper.type, cfg.optim_wrapper.get('loss_scale'))

    monkeypatch.setattr('mmpose_ext.apis.train.get_device', lambda: 'cuda')
    monkeypatch.setattr('mmpose_ext.apis.train.Runner.from_cfg', stop)
    for kind, chosen in (
        ('OptimWrapper', ('AmpOptimWrapper', 'dynamic')),
        ('mmpose_ext.BFloat16OptimWrapper', ('mmpose_ext.BFloat16OptimWrapper', None)),
    ):
        with pytest.raises(Chosen) as raised:
            train(str(tiny_config), str(tmp_path), amp=True, cfg_options={'optim_wrapper.type': kind})
        assert raised.value.args == chosen


def test_maps_are_computed_in_the_type_of_the_weights_where_nothing_is_learned() -> None:
    torch.manual_seed(0)
    layer, features = nn.Conv2d(64, 17, 1), torch.randn(2, 64, 8, 6)
    rounded = features.bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert predict_maps(layer, rounded).dtype == torch.bfloat16
        with torch.no_grad():
            found = predict_maps(layer, rounded)
            assert predict_maps(nn.Identity(), rounded) is rounded
    assert torch.equal(found, layer(rounded.float()))
    with torch.no_grad():
        assert predict_maps(layer.half(), features.half()).dtype == torch.float16
        assert predict_maps(layer.to('meta'), features.to('meta')).shape == (2, 17, 8, 6)


def test_maps_of_an_hourglass_stay_wide_and_are_merged() -> None:
    torch.manual_seed(0)
    layer, features = Prediction(8, 5).eval(), torch.randn(2, 8, 4, 4)
    with torch.no_grad():
        expected = layer(features, features)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            found = layer(features, features)
    assert [value.dtype for value in found] == [torch.float32, torch.float32]
    for value, wanted in zip(found, expected, strict=True):
        assert (value - wanted).abs().max() < 0.05
