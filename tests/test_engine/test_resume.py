"""Trainings that are killed or asked to stop, and resumed, against one that ran through."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from interrupted_trainings import (
    OPTIONS,
    Interruption,
    Killed,
    assert_as_if_never_stopped,
    assert_same,
    config,
    kill,
    run,
    saved,
    terminate,
)
from mmengine.runner import Runner
from small_dataset import ROOT
from warm_python import WarmPython

from mmpose_ext.engine.preemption_hook import EXIT_INTERRUPTED
from mmpose_ext.engine.whole_files import find_checkpoint

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture(scope='module')
def straight(write_config: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work folder of a training that ran through."""
    folder = tmp_path_factory.mktemp('straight')
    run(config(write_config(folder), folder / 'run'))
    return folder / 'run'


@pytest.mark.parametrize(
    ('moment', 'steps', 'priority'),
    [
        ('before_train_iter', 0, 'VERY_LOW'),
        ('after_train_iter', 6, 'VERY_LOW'),
        ('before_save_checkpoint', 8, 'VERY_LOW'),
        ('after_train_epoch', 8, 'LOWEST'),
        ('after_val_iter', 8, 'VERY_LOW'),
        ('after_val_epoch', 8, 'VERY_HIGH'),
        ('after_val_epoch', 8, 'LOWEST'),
        ('after_val_iter', 12, 'VERY_LOW'),
    ],
)
def test_killed_at_any_moment(
    straight: Path, tiny_config: Path, tmp_path: Path, moment: str, steps: int, priority: str
) -> None:
    with pytest.raises(Killed):
        run(config(tiny_config, tmp_path / 'run'), Interruption(moment, steps, kill, priority))
    run(config(tiny_config, tmp_path / 'run', resume=True))
    assert_as_if_never_stopped(straight, tmp_path / 'run')


@pytest.mark.parametrize(('moment', 'steps'), [('after_train_iter', 5), ('after_train_iter', 7), ('after_val_iter', 8)])
def test_sigterm_saves_and_leaves_with_its_status(
    straight: Path, tiny_config: Path, tmp_path: Path, moment: str, steps: int
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(config(tiny_config, tmp_path / 'run'), Interruption(moment, steps, terminate))
    assert caught.value.code == EXIT_INTERRUPTED == 75
    name = 'interrupted.pth' if steps == 5 else 'epoch_2.pth'
    assert (tmp_path / 'run/last_checkpoint').read_text() == str(tmp_path / 'run' / name)
    assert saved(tmp_path / 'run', name)['meta']['iter'] == (6 if steps == 5 else 8)
    run(config(tiny_config, tmp_path / 'run', resume=True))
    assert_as_if_never_stopped(straight, tmp_path / 'run')


def test_without_a_seed_in_the_config(tiny_config: Path, tmp_path: Path) -> None:
    """Such a training draws its seed at the start; a resumed one takes it from the checkpoint, for the sampler, too."""
    with tiny_config.open('a') as file:
        file.write('randomness = dict(seed=None)\n')
    run(config(tiny_config, tmp_path / 'run'))
    shutil.copytree(tmp_path / 'run', tmp_path / 'again')
    (tmp_path / 'again/epoch_3.pth').unlink()
    run(config(tiny_config, tmp_path / 'again', resume=True))
    assert_as_if_never_stopped(tmp_path / 'run', tmp_path / 'again')


def test_without_the_hook_a_resumed_training_differs(tiny_config: Path, tmp_path: Path) -> None:
    """So the tests above can fail: workers that live on have drawn other numbers than new ones."""
    for name, resume in (('run', False), ('again', True)):
        cfg = config(tiny_config, tmp_path / name, resume)
        cfg.default_hooks.pop('resume')
        run(cfg)
        if not resume:
            shutil.copytree(tmp_path / 'run', tmp_path / 'again')
            (tmp_path / 'again/epoch_3.pth').unlink()
    first, second = (saved(tmp_path / name, 'best_coco_AP_epoch_1.pth') for name in ('run', 'again'))
    assert_same(first['state_dict'], second['state_dict'])
    first, second = (torch.load(tmp_path / name / 'epoch_3.pth') for name in ('run', 'again'))
    with pytest.raises(AssertionError):
        assert_same(first['state_dict'], second['state_dict'])


def test_gradients_that_wait_for_the_next_step_are_saved(tiny_config: Path, tmp_path: Path) -> None:
    options = {'optim_wrapper.accumulative_counts': 2}
    run(config(tiny_config, tmp_path / 'straight', **options))
    with pytest.raises(SystemExit):
        run(config(tiny_config, tmp_path / 'run', **options), Interruption('after_train_iter', 4, terminate))
    assert len(saved(tmp_path / 'run', 'interrupted.pth')['progress']['gradients']) > 50
    run(config(tiny_config, tmp_path / 'run', resume=True, **options))
    assert_as_if_never_stopped(tmp_path / 'straight', tmp_path / 'run')


def test_averaged_weights_are_not_mistaken_for_those_of_the_training(tiny_config: Path, tmp_path: Path) -> None:
    """EMAHook exchanges them for a validation, in which this training is asked to stop."""
    with tiny_config.open('a') as file:
        file.write("custom_hooks = [dict(type='EMAHook', momentum=0.1)]\n")
    # no checkpoint before the end but the one that is asked for
    options = {'default_hooks.checkpoint.interval': 10}
    run(config(tiny_config, tmp_path / 'straight', **options))
    with pytest.raises(SystemExit):
        run(config(tiny_config, tmp_path / 'run', **options), Interruption('after_val_iter', 8, terminate, 'NORMAL'))
    run(config(tiny_config, tmp_path / 'run', resume=True, **options))
    first, second = (saved(tmp_path / name) for name in ('straight', 'run'))
    for part in ('state_dict', 'ema_state_dict', 'optimizer'):
        assert_same(first[part], second[part], part)


@pytest.mark.parametrize('max_keep_ckpts', [1, 2])
def test_a_whole_checkpoint_is_there_while_the_next_one_is_written(
    tiny_config: Path, tmp_path: Path, max_keep_ckpts: int
) -> None:
    found: list[Path | None] = []
    look = Interruption('before_save_checkpoint', 8, lambda runner: found.append(find_checkpoint(runner.work_dir)))
    options = {'default_hooks.checkpoint.max_keep_ckpts': max_keep_ckpts, 'train_cfg.max_epochs': 2}
    run(config(tiny_config, tmp_path / 'run', **options), look)
    assert found[0] == tmp_path / 'run/epoch_1.pth'
    assert (tmp_path / 'run/epoch_1.pth').exists() == (max_keep_ckpts == 2)


# ---------------------------------------------------------------------------------------------
# other checkpoints


def test_a_checkpoint_of_another_model_is_refused(straight: Path, tiny_config: Path, tmp_path: Path) -> None:
    """MMEngine would load what fits, and train the rest anew."""
    shutil.copytree(straight, tmp_path / 'run')
    cfg = config(tiny_config, tmp_path / 'run', resume=True, **{'model.head.deconv_out_channels': (8, 8, 4)})
    with pytest.raises(ValueError, match=r"'resume' must be a checkpoint of this model, got size mismatch for head\."):
        run(cfg)


def test_no_text_of_a_checkpoint_is_run(straight: Path, tiny_config: Path, tmp_path: Path) -> None:
    """MMEngine reads the config in a checkpoint as a program."""
    shutil.copytree(straight, tmp_path / 'run')
    checkpoint = saved(tmp_path / 'run')
    checkpoint['meta']['config'] = f"open('{tmp_path}/ran', 'w')"
    torch.save(checkpoint, tmp_path / 'run/epoch_3.pth')
    run(config(tiny_config, tmp_path / 'run', resume=True))
    assert not (tmp_path / 'ran').exists()


def test_a_resumed_best_checkpoint_says_that_it_has_no_optimizer(
    straight: Path, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = config(tiny_config, tmp_path / 'run')
    (best,) = straight.glob('best_*.pth')
    cfg.resume, cfg.load_from = True, str(best)
    run(cfg)
    assert re.search(r'WARNING .*best_coco_AP_epoch_\d\.pth has no state of the optimizer', capsys.readouterr().out)


# ---------------------------------------------------------------------------------------------
# more epochs and other schedules


def rates(runner: Runner) -> list[float]:
    """Learning rate of each step."""
    return list(runner.message_hub.log_scalars['train/lr'].data[0])


def test_more_epochs_with_a_stretched_schedule(straight: Path, tiny_config: Path, tmp_path: Path) -> None:
    """The rate after the change is that of a training which had the new schedule from the start."""
    options = {'train_cfg.max_epochs': 4, 'param_scheduler.0.T_max': 5, 'train_dataloader.num_workers': 0}
    options['train_dataloader.persistent_workers'] = False
    expected = rates(run(config(tiny_config, tmp_path / 'new', **options)))
    shutil.copytree(straight, tmp_path / 'run')
    found = rates(run(config(tiny_config, tmp_path / 'run', resume=True, **options)))
    assert found[12:] == expected[12:]
    assert found[11] != expected[11]


def test_more_epochs_without_a_word_on_the_schedule(
    straight: Path, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(straight, tmp_path / 'run')
    found = rates(run(config(tiny_config, tmp_path / 'run', resume=True, **{'train_cfg.max_epochs': 6})))
    assert len(set(found[12:])) == 1
    printed = capsys.readouterr().out
    assert re.search(
        r'WARNING .*6 epochs instead of 3, but the learning rate schedule.*param_scheduler.0.T_max=20', printed
    )


# ---------------------------------------------------------------------------------------------
# real processes


def start(path: Path, folder: Path, *options: str, python: str = sys.executable) -> subprocess.Popen[str]:
    """tools/train.py in a process group of its own."""
    pairs = [f'{name}={value}' for name, value in OPTIONS.items()]
    command = [python, '-W', 'ignore', ROOT / 'tools/train.py', path, '--work-dir', folder / 'run', *options]
    variables = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    return subprocess.Popen(
        [*map(str, command), '--cfg-options', *pairs],
        env=variables,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def signal_after(process: subprocess.Popen[str], text: str, number: int) -> str:
    """Send a signal to the whole group, workers included, once a text was printed; returns what came afterwards."""
    for line in process.stdout:
        if text in line:
            os.killpg(process.pid, number)
            break
    return process.communicate(timeout=120)[0]


def test_processes_that_are_killed_and_asked_to_stop(
    straight: Path, tiny_config: Path, tmp_path: Path, warm_python: WarmPython
) -> None:
    process = start(tiny_config, tmp_path)
    signal_after(process, 'Epoch(train) [1][3/4]', signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    process = start(tiny_config, tmp_path, '--resume')
    printed = signal_after(process, 'Epoch(train) [2][1/4]', signal.SIGTERM)
    assert process.returncode == EXIT_INTERRUPTED, printed
    assert 'start it again with --resume' in printed
    process = start(tiny_config, tmp_path, '--resume', python=warm_python.executable)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    assert 'Epoch(train) [1]' not in printed
    assert_as_if_never_stopped(straight, tmp_path / 'run')
