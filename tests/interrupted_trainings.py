"""Short trainings of the tiny dataset that are interrupted at some moment, and a comparison to the last bit."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from helpers import SMALL_NETWORK
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose_ext.apis.runtime import load_config
from mmpose_ext.apis.train import _resume

EPOCHS = 3
# one image per batch: four steps in an epoch
OPTIONS = SMALL_NETWORK | {
    'train_dataloader.batch_size': 1,
    'train_dataloader.num_workers': 2,
    'train_dataloader.persistent_workers': True,
    'train_cfg.max_epochs': EPOCHS,
    'train_cfg.val_interval': 1,
}
# the only numbers that may differ
TIMES = ('train/time', 'train/data_time', 'val/time', 'val/data_time')


class Killed(BaseException):
    """Stands for SIGKILL in this process: nothing in the training catches it."""


class Interruption(Hook):
    """Does something at one moment: in a method of hooks, when the training has done so many steps.

    Args:
        moment: Name of the method.
        steps: Number of steps.
        action: What is done.
        priority: Priority of the hook.
    """

    def __init__(self, moment: str, steps: int, action: Callable[[Runner], None], priority: str = 'VERY_LOW') -> None:
        self.action, self.steps, self.priority = action, steps, priority
        setattr(self, moment, self._act)

    def _act(self, runner: Runner, **_: object) -> None:
        if runner.iter == self.steps:
            self.action(runner)


def kill(runner: Runner) -> None:
    raise Killed


def terminate(runner: Runner) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def config(path: Path, work_dir: Path, resume: bool = False, **options: object) -> Config:
    cfg = load_config(str(path), OPTIONS | options, str(work_dir))
    # MMEngine keeps both for the life of the process, by their names
    cfg.experiment_name = cfg.visualizer.name = f'{work_dir}-{np.random.default_rng().integers(2**60)}'
    if resume:
        _resume(cfg, 'auto')
    return cfg


def run(cfg: Config, *hooks: Hook) -> Runner:
    # whatever this process drew before must not matter
    noise = np.random.default_rng().integers(2**31)
    random.seed(int(noise))
    np.random.seed(noise)  # noqa: NPY002, the generator that transforms draw from
    torch.manual_seed(int(noise))
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    try:
        runner.train()
    finally:
        # torch waits 5 s for each worker that the garbage collector finds
        iterator, runner.train_dataloader._iterator = runner.train_dataloader._iterator, None
        if iterator is not None:
            iterator._shutdown_workers()
    return runner


def saved(work_dir: Path, name: str = f'epoch_{EPOCHS}.pth') -> dict[str, object]:
    return torch.load(work_dir / name, weights_only=True)


def assert_same(one: object, other: object, place: str = '') -> int:
    """Equal to the last bit; returns the number of tensors compared."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        return sum(assert_same(one[key], other[key], f'{place}.{key}') for key in one if key not in TIMES)
    if isinstance(one, list | tuple):
        assert len(one) == len(other), place
        return sum(assert_same(first, second, f'{place}[]') for first, second in zip(one, other, strict=True))
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
        return 1
    assert one == other, place
    return 0


def assert_as_if_never_stopped(straight: Path, resumed: Path) -> None:
    parts = 'state_dict', 'optimizer', 'param_schedulers', 'progress'
    first, second = saved(straight), saved(resumed)
    assert sum(assert_same(first[part], second[part], part) for part in parts) > 200
    hubs = (one['message_hub'] for one in (first, second))
    assert_same(*(hub['log_scalars'] for hub in hubs))
    best = [sorted(path.name for path in folder.glob('best_*.pth')) for folder in (straight, resumed)]
    assert best[0] == best[1]
    assert len(best[0]) == 1
    assert_same(saved(straight, best[0][0])['state_dict'], saved(resumed, best[0][0])['state_dict'])
    kept = {path.name for path in resumed.glob('*.pth*')}
    assert kept == {path.name for path in straight.glob('*.pth*')} == {'epoch_2.pth', 'epoch_3.pth', *best[0]}
