"""Memory format and threads: by one line of a config, in every launcher, and without a change but rounding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SMALL_NETWORK
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from mmpose_ext.apis.runtime import load_config
from mmpose_ext.config import config_path
from mmpose_ext.engine import ComputeHook
from mmpose_ext.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
OPTIONS = SMALL_NETWORK | {'train_cfg.val_interval': 1}


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(config: Path, work_dir: Path, **options: object) -> Runner:
    """Train one epoch."""
    cfg = load_config(str(config), OPTIONS | options, str(work_dir))
    cfg.experiment_name = cfg.visualizer.name = f'{work_dir}-{np.random.default_rng().integers(2**60)}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def is_channels_last(weight: torch.Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last)


def line(**arguments: object) -> dict[str, object]:
    """The line of a config, as ``--cfg-options`` gives it."""
    return {'default_hooks.compute': dict(type='mmpose_ext.ComputeHook', **arguments)}


def test_a_training_is_the_same_but_for_rounding(tiny_config: Path, tmp_path: Path) -> None:
    plain = run(tiny_config, tmp_path / 'plain')
    ours = run(tiny_config, tmp_path / 'ours', **line(channels_last=True, threads=1))
    seen: list[bool] = []
    for (name, expected), found in zip(plain.model.named_parameters(), ours.model.parameters(), strict=True):
        if expected.dim() == 4 and min(expected.shape) > 1:
            seen.append(is_channels_last(found) and not is_channels_last(expected))
        # Adam divides by the size of the gradient: where that is rounding alone, weights differ by its steps
        assert (found - expected).abs().median() < 1e-5, name
    assert seen
    assert all(seen)


def test_checkpoints_fit_each_other(tiny_config: Path, tmp_path: Path) -> None:
    """Written with the format and read without, and the other way round."""
    for first, second in ((True, False), (False, True)):
        folder = tmp_path / str(first)
        runner = run(tiny_config, folder, **line(channels_last=first))
        saved = torch.load(folder / 'epoch_1.pth', weights_only=False)['state_dict']
        again = run(
            tiny_config, folder, resume=True, load_from=str(folder / 'epoch_1.pth'), **line(channels_last=second)
        )
        for name, value in again.model.state_dict().items():
            assert torch.equal(value, saved[name]), name
            assert torch.equal(value, runner.model.state_dict()[name]), name
        weight = again.model.head.final_layer.weight
        assert is_channels_last(again.model.backbone.layer1[0].conv1.weight) is second
        assert weight.shape == runner.model.head.final_layer.weight.shape


def test_threads(tiny_config: Path) -> None:
    ComputeHook(threads=2).before_run(None)
    assert torch.get_num_threads() == 2
    ComputeHook().before_run(None)
    assert torch.get_num_threads() == 2


def test_every_loop() -> None:
    class Holder:
        model: nn.Module

    for moment in ('before_train', 'before_val', 'before_test'):
        Holder.model = nn.Sequential(nn.Conv2d(3, 4, 3))
        getattr(ComputeHook(channels_last=True), moment)(Holder)
        assert is_channels_last(Holder.model[0].weight)


@pytest.mark.parametrize('threads', [0, -1, 1.0, '2'])
def test_refused(threads: Any) -> None:
    with pytest.raises(ValueError, match=r"'threads' must be None or a whole number above 0, got "):
        ComputeHook(threads=threads)


NETWORKS = (
    'dark/dark_res18_1xb32-10e_synthetic-128x96',
    'rle/rle_res18_1xb32-10e_synthetic-128x96',
    'integral/integral_res18_1xb32-10e_synthetic3d-64x64_i-star',
    'hourglass/hourglass_4x32_1xb32-10e_synthetic-128x96',
    'dark/dark_hrnet-w32_2xb64-210e_coco-128x96',
)


@pytest.mark.parametrize('name', NETWORKS)
def test_networks(name: str) -> None:
    """Outputs and gradients of each family of networks, to rounding."""
    torch.manual_seed(0)
    config = Config.fromfile(config_path(name))
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model).double().eval()
    width, height = config.model.head.decoder.input_size
    images = torch.rand(1, 3, height, width, dtype=torch.double)

    def outputs_and_gradients() -> list[torch.Tensor]:
        model.zero_grad()
        found = model(images, None, mode='tensor')
        found = [*found] if isinstance(found, tuple | list) else [found]
        torch.stack([output.square().mean() for output in found]).sum().backward()
        gradients = [value.grad for value in model.parameters() if value.grad is not None]
        return [output.detach() for output in found] + [gradient.clone() for gradient in gradients]

    expected = outputs_and_gradients()
    model.to(memory_format=torch.channels_last)
    for found, value in zip(outputs_and_gradients(), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-7, atol=1e-9)
