"""The runner end to end: kills, failures, what is run again and what is not. Every run is a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import yaml
from helpers import SMALL_NETWORK
from mmengine.runner import CheckpointLoader
from warm_python import WarmPython

from mmpose_ext.lab.ablation import Job, find_table, make_plan
from mmpose_ext.synthetic.dataset import make_synthetic_dataset

pytestmark = pytest.mark.skipif(find_spec('snakemake') is None, reason="needs Snakemake (the extra 'ablation')")

ROOT = Path(__file__).resolve().parents[3]
LEAF = 'dark_res18_1xb32-10e_synthetic-128x96.py'
EPOCHS = 3
PATIENCE = 600  # seconds; a busy machine needs many
CODEC = 'model.head.decoder'
TINY: dict[str, Any] = {
    'train_cfg.max_epochs': EPOCHS,
    'train_cfg.val_interval': EPOCHS,
    'train_dataloader.batch_size': 4,
    'default_hooks.logger.interval': 1,
    **SMALL_NETWORK,
    'model.head.deconv_out_channels': [8, 8, 8],
} | {
    f'{loader}_dataloader.{key}': value
    for loader in ('train', 'val', 'test')
    for key, value in dict(num_workers=0, persistent_workers=False).items()
}


@dataclass(frozen=True)
class Bench:
    """A user's folder: data/synthetic (12 and 6 images), tables, and results in a folder with a space in its name."""

    python: WarmPython
    folder: Path
    name: str = 'my results'

    @property
    def results(self) -> Path:
        return self.folder / self.name

    @property
    def training(self) -> Path:
        (folder,) = (path for path in self.results.glob('dark_*') if (path / f'epoch_{EPOCHS}.pth').is_file())
        return folder

    def write_table(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        stages = dict(biased=dict(config=dict(synthetic=f'dark/{LEAF}'), options=TINY))
        self.write(name, stages, [dict(name=row, stage='biased', options=options) for row, options in rows.items()])

    def write(self, name: str, stages: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        content = dict(title='Tiny', source='Nobody', columns=dict(AP='coco/AP'), order_by='AP')
        content |= dict(stages=stages, rows=rows)
        (self.folder / f'{name}.yaml').write_text(yaml.safe_dump(content))

    def start(self, table: str, *options: str) -> subprocess.Popen[str]:
        home, scratch = self.folder / 'home', self.folder / 'tmp'
        home.mkdir(exist_ok=True)
        scratch.mkdir(exist_ok=True)
        environment = dict(
            os.environ, HOME=str(home), TMPDIR=str(scratch), OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''
        )
        for variable in ('XDG_CACHE_HOME', 'MPLCONFIGDIR', 'SYNTHETIC_ROOT'):
            environment.pop(variable, None)
        program = [
            self.python.executable,
            '-W',
            'ignore',
            str(ROOT / 'tools/ablation.py'),
            '--work-dir',
            str(self.results),
        ]
        return subprocess.Popen(
            [*program, 'run', f'{table}.yaml', *options],
            cwd=self.folder,
            env=environment | dict(CUDA_VISIBLE_DEVICES=''),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, table: str, *options: str) -> tuple[int, str]:
        process = self.start(table, *options)
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        except BaseException:
            self.kill(process)
            raise
        return process.returncode, printed

    def run_until(self, table: str, reached: Callable[[], object]) -> None:
        """Kill the runner and all that it started as soon as something is there."""
        process = self.start(table)
        try:
            deadline = time.monotonic() + PATIENCE
            while not reached():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
        finally:
            self.kill(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """All processes at once, so that nobody saves anything: the runner, its guard and what they have started."""
        process.send_signal(signal.SIGSTOP)
        for one in self.python.processes():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.kill()
        process.communicate()

    def last_epoch(self) -> int:
        """Of the checkpoint that a training would resume from; 0 without one."""
        for pointer in self.results.glob('dark_*/last_checkpoint'):
            found = re.search(r'epoch_(\d+)\.pth', pointer.read_text())
            return int(found[1]) if found else 0
        return 0

    def times(self) -> dict[str, int]:
        """Of all results; what Snakemake and the plan write about themselves aside."""
        files = [path for path in self.results.glob('dark_*/**/*') if path.is_file()]
        return {str(path): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope='module')
def bench(tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython) -> Bench:
    bench = Bench(warm_python, tmp_path_factory.mktemp('bench'))
    make_synthetic_dataset(bench.folder / 'data/synthetic', 12, 6)
    bench.write_table('two', {'argmax': {f'{CODEC}.decoding': 'argmax'}, 'dark': {}})
    return bench


@pytest.fixture(scope='module')
def killed_twice(bench: Bench) -> str:
    """What the third start printed: the first was killed after an epoch, the second in the last evaluation."""
    bench.run_until('two', lambda: bench.last_epoch() >= 1)
    bench.run_until('two', lambda: bench.last_epoch() == EPOCHS)
    assert not [*bench.results.glob('dark_*/tests/*/metrics.json')]
    status, printed = bench.run('two')
    assert status == 0, printed[-3000:]
    return printed


def test_a_killed_run_continues_where_it_stopped(bench: Bench, killed_twice: str) -> None:
    log = (bench.training / 'job.log').read_text()
    first, second, third = re.split(r'resumed epoch: (?=\d+, iter)', log)
    at = int(second[: second.index(',')])
    assert 1 <= at < EPOCHS
    # an epoch may have been at its end, but its checkpoint not yet written
    assert epochs(first) in ([*range(1, at + 1)], [*range(1, at + 2)])
    assert epochs(second) == [*range(at + 1, EPOCHS + 1)]
    assert third.startswith(f'{EPOCHS}, ')
    assert epochs(third) == []


def epochs(log: str) -> list[int]:
    """Epochs of which the last iteration is in a log."""
    return [int(epoch) for epoch, _ in re.findall(r'Epoch\(train\) *\[(\d+)\]\[(\d+)/\2\]', log)]


def test_rows_share_the_training_and_differ(bench: Bench, killed_twice: str) -> None:
    metrics = [json.loads(path.read_text()) for path in sorted(bench.training.glob('tests/*/metrics.json'))]
    assert len(metrics) == 2
    assert all('coco/AP' in figures for figures in metrics)
    logs = [path.read_text() for path in sorted(bench.training.glob('tests/*/job.log'))]
    assert sorted("decoding='argmax'" in log for log in logs) == [False, True]
    assert all(str(bench.training / f'epoch_{EPOCHS}.pth') in log for log in logs)
    assert len([*bench.training.glob('tests/*/predictions.pkl')]) == 2


def test_progress_and_remaining_time_are_shown(killed_twice: str) -> None:
    # the training's own
    assert 'resumed epoch' in killed_twice
    found = re.findall(r'^(\d) of 3 jobs done in 0:\d\d:\d\d, about 0:\d\d:\d\d left$', killed_twice, re.MULTILINE)
    assert found == ['1', '2', '3']
    assert killed_twice.rstrip().endswith('2 of 2 rows done')


def test_what_is_done_is_not_run_again(bench: Bench, killed_twice: str) -> None:
    before = bench.times()
    status, printed = bench.run('two')
    assert status == 0
    assert 'Nothing to be done' in printed
    assert printed.rstrip().endswith('2 of 2 rows done')
    assert bench.times() == before


def test_a_failed_row_is_reported_and_the_others_go_on(bench: Bench, killed_twice: str) -> None:
    rows = {'impossible': {f'{CODEC}.decoding': 'guess'}, 'shift': {f'{CODEC}.decoding': 'shift'}, 'dark': {}}
    bench.write_table('three', rows)
    before = bench.times()
    status, printed = bench.run('three')
    assert status != 0
    *_, missing, summary = printed.rstrip().splitlines()
    assert summary == '2 of 3 rows done'
    reported = re.fullmatch(r'not done: row "impossible", seed 0; see (.*/job\.log)', missing)
    assert reported
    assert "'decoding' must be one of" in Path(reported[1]).read_text()
    assert len([*bench.training.glob('tests/*/metrics.json')]) == 3
    after = bench.times()
    assert {path: after[path] for path in before} == before


def test_a_changed_config_is_trained_anew(bench: Bench, killed_twice: str) -> None:
    bench.write_table('one', {'dark': {}})
    before = bench.times()
    status, printed = bench.run('one', '--cfg-options', 'train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0.001')
    assert status == 0, printed[-3000:]
    assert '2 of 2 jobs done' in printed
    after = bench.times()
    assert {path: after[path] for path in before} == before
    new = {Path(path).name for path in {*after} - {*before}}
    assert {'epoch_1.pth', 'metrics.json', 'predictions.pkl'} <= new
    assert f'epoch_{EPOCHS}.pth' not in new


def test_all_is_written_below_the_work_dir(bench: Bench, killed_twice: str) -> None:
    folders = {path.name for path in bench.folder.iterdir() if path.is_dir()}
    assert folders == {'data', 'home', 'my results', 'tmp'}
    # Snakemake removes its folders for temporary files, unless it is killed
    assert len([*bench.folder.glob('tmp/**/*snakemake*')]) <= 2
    # what is there is from importing the libraries: the grammar of MMEngine's yapf, the folder of matplotlib's settings
    assert {path.name for path in bench.folder.glob('home/.*/*')} <= {'YAPF', 'matplotlib'}
    assert not (ROOT / '.snakemake').exists()


# ---------------------------------------------------------------------------------------------
# a stage that starts from another


def parameters(checkpoint: str) -> dict[str, torch.Tensor]:
    """Weights and biases; a training with a learning rate of 0 leaves them as they are."""
    state = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')['state_dict']
    return {name: value for name, value in state.items() if 'running_' not in name and 'num_batches' not in name}


@dataclass(frozen=True)
class Chain:
    """A run of a stage that starts from another, killed after an epoch of it and continued in a renamed folder."""

    bench: Bench
    status: int
    printed: str

    def training(self, stage: str) -> Job:
        table = find_table(str(self.bench.folder / 'chain.yaml'))
        return make_plan(table, 'synthetic', 1, self.bench.results).trainings[stage, 0]

    def log(self, stage: str) -> str:
        return Path(self.training(stage).output).with_name('job.log').read_text()


@pytest.fixture(scope='module')
def chain(tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython) -> Chain:
    bench = Bench(warm_python, tmp_path_factory.mktemp('chain'), 'results')
    make_synthetic_dataset(bench.folder / 'data/synthetic', 12, 6)
    config = dict(synthetic=f'dark/{LEAF}')
    no_steps = {'optim_wrapper.optimizer.lr': 0.0, 'param_scheduler': None}
    stages = dict(
        next=dict(config=config, options=TINY | no_steps, uses={'load_from': 'start'}),
        start=dict(config=config, options=TINY | {'train_cfg.max_epochs': 2}),
        orphan=dict(config=config, options=TINY, uses={'load_from': 'broken'}),
        broken=dict(config=config, options=TINY | {f'{CODEC}.encoding': 'guess'}),
    )
    bench.write('chain', stages, [dict(name='next', stage='next')])
    killed = Chain(bench, 0, '')
    pointer = Path(killed.training('next').output).with_name('last_checkpoint')
    bench.run_until('chain', lambda: pointer.is_file() and pointer.read_text())
    shutil.move(bench.results, bench.folder / 'moved')
    bench = replace(bench, name='moved')
    bench.write('chain', stages, [dict(name='next', stage='next'), dict(name='orphan', stage='orphan')])
    return Chain(bench, *bench.run('chain'))


def test_a_start_gives_its_weights_and_no_more(chain: Chain) -> None:
    start, last = (chain.training(stage).output for stage in ('start', 'next'))
    assert epochs(chain.log('start')) == [1, 2]  # once, before the folder was moved
    before, after = re.split(r'resumed epoch: (?=\d+, iter)', chain.log('next'))
    assert f'Load checkpoint from {start.replace("moved", "results")}' in before
    at = int(after[: after.index(',')])
    assert 1 <= at < EPOCHS
    assert epochs(before)[0] == 1  # not that after the start's last one
    assert epochs(after) == [*range(at + 1, EPOCHS + 1)]
    given, kept = parameters(start), parameters(last)
    assert given.keys() == kept.keys()
    assert all(torch.equal(given[name], kept[name]) for name in given)


def test_a_failed_start_stops_what_builds_on_it_alone(chain: Chain) -> None:
    assert chain.status != 0
    broken = Path(chain.training('broken').output).with_name('job.log')
    *_, missing, summary = chain.printed.rstrip().splitlines()
    assert (missing, summary) == (f'not done: row "orphan", seed 0; see {broken}', '1 of 2 rows done')
    assert "'encoding' must be one of" in broken.read_text()
    assert not Path(chain.training('orphan').output).parent.exists()
