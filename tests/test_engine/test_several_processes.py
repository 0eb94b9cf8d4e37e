"""Two processes of one training, of which one or both get SIGTERM: they stop together and resume as if they had not."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

from interrupted_trainings import Interruption, assert_as_if_never_stopped, config, run, terminate
from mmengine.runner import Runner
from warm_python import WarmPython

from mmpose_ext.apis.runtime import process_group

STEP = 2  # the first of two steps of the second epoch
PROGRAM = """
import sys

sys.path[:0] = {folders!r}
import test_several_processes

test_several_processes.train_all(*sys.argv[1:])
"""


def terminate_later(runner: Runner) -> None:
    threading.Timer(0.2, terminate, [runner]).start()


def take_time(runner: Runner) -> None:
    time.sleep(1)


def train(path: str, folder: Path, name: str, rank: int, resume: bool, *hooks: Interruption) -> dict[str, object]:
    """Train in this process of two; returns how it ended."""
    cfg = config(Path(path), folder / name, resume, **{'train_dataloader.num_workers': 1})
    cfg.launcher = 'pytorch'
    store = f'file://{folder}/store-{name}-{resume}'
    cfg.env_cfg.dist_cfg = dict(backend='nccl', init_method=store, rank=rank, world_size=2)
    status: object = 0
    with process_group(cfg):
        try:
            run(cfg, *hooks)
        except SystemExit as left:
            status = left.code
        pointer = folder / name / 'last_checkpoint'
        return dict(status=status, found=pointer.is_file() and Path(pointer.read_text()).name)


def train_all(path: str, target: str, number: str) -> None:
    """What each of the two processes does."""
    from mmengine.registry import DefaultScope
    from mmpose.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    folder, rank = Path(target), int(number)
    slow = Interruption('before_save_checkpoint', STEP, take_time)  # called in the process that writes
    asked = {
        'one': [None, Interruption('before_train_iter', STEP, terminate)],
        'both': [
            Interruption('after_train_iter', STEP, terminate),
            Interruption('before_train_iter', STEP, terminate_later),  # arrives while the other one writes
        ],
    }
    ends = {}
    with DefaultScope.overwrite_default_scope('mmpose'):
        train(path, folder, 'straight', rank, False)
        for name, hooks in asked.items():
            ends[name] = train(path, folder, name, rank, False, slow, *filter(None, [hooks[rank]]))
            train(path, folder, name, rank, True)
    (folder / f'rank{rank}.json').write_text(json.dumps(ends))


def test_all_stop_after_the_same_step(tiny_config: Path, tmp_path: Path, warm_python: WarmPython) -> None:
    code = PROGRAM.format(folders=[str(Path(__file__).parent), str(Path(__file__).parents[1])])
    command = [warm_python.executable, '-W', 'ignore', '-c', code, str(tiny_config), str(tmp_path)]
    environment = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    ranks = [
        subprocess.Popen(
            [*command, str(rank)], env=environment | dict(LOCAL_RANK=str(rank)), stdout=log, stderr=subprocess.STDOUT
        )
        for rank in range(2)
        if (log := (tmp_path / f'rank{rank}.log').open('w'))
    ]
    try:
        for rank in ranks:
            rank.wait(timeout=240)
    finally:
        for rank in ranks:
            rank.kill()
    printed = [(tmp_path / f'rank{rank}.log').read_text()[-3000:] for rank in range(2)]
    assert [rank.returncode for rank in ranks] == [0, 0], '\n'.join(printed)
    for rank in range(2):
        ends = json.loads((tmp_path / f'rank{rank}.json').read_text())
        # the checkpoint is there for both before one of them leaves
        assert ends == {name: dict(status=75, found='interrupted.pth') for name in ('one', 'both')}
    for name in ('one', 'both'):
        assert_as_if_never_stopped(tmp_path / 'straight', tmp_path / name)
