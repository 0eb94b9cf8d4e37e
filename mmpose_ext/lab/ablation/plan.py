"""The jobs of a table: which commands to run, in which order, and where their results go.

Results lie in folders named after the content of the config. Two tables that train the same thing share it, a changed
config gets a folder of its own and is trained, and what is finished stays finished.
"""

import copy
import hashlib
import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config, DictAction

from mmpose_ext.config import config_path
from mmpose_ext.version import __version__

from .job_process import is_whole
from .table import Row, Stage, Table, TableOnData

__all__ = ['Job', 'Plan', 'make_plan']


@dataclass(frozen=True)
class Job:
    """One command of a plan.

    Args:
        name: Unique in the plan.
        command: What to run, from the folder that holds ``tools``.
        inputs: Files that must exist before.
        output: File that exists and is whole when the job is done; a digest of all that it depends on is in its path.
        processes: Number of processes that the job starts; each takes a device of its own.
    """

    name: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    processes: int = 1

    def __str__(self) -> str:
        return shlex.join(self.command)

    @property
    def is_done(self) -> bool:
        """Whether the result exists and is whole."""
        return is_whole(Path(self.output))


@dataclass(frozen=True)
class Plan:
    """All jobs of a table on one dataset.

    Args:
        table: The table on that dataset, see :meth:`Table.on`.
        data: The dataset.
        seeds: Number of trainings of each stage that is not shared.
        jobs: Trainings and tests, every one after those it needs.
        tests: The test of each row (by name) and seed, 0 alone if its stage is shared; ``output`` holds its metrics,
            ``predictions.pkl`` beside it what the model predicted (MMEngine's ``DumpResults``).
        trainings: The training of each stage (by name) and seed, 0 alone if it is shared; ``output`` is the last
            checkpoint.
    """

    table: TableOnData
    data: str
    seeds: int
    jobs: tuple[Job, ...]
    tests: Mapping[tuple[str, int], Job]
    trainings: Mapping[tuple[str, int], Job]

    def used(self, stage: str, seed: int) -> dict[str, tuple[str, int]]:
        """Keys in ``trainings`` of those that a training builds on, by option."""
        stages = self.table.stages
        seed = stages[stage].seed(seed)
        return {option: (name, stages[name].seed(seed)) for option, name in stages[stage].uses.items()}

    def awaited(self, stage: str, seed: int) -> tuple[str, int]:
        """Key in ``trainings`` of the one to look at: the first that is not done of those it builds on, or itself."""
        if not self.trainings[stage, seed].is_done:
            for key in self.used(stage, seed).values():
                if not self.trainings[key].is_done:
                    return self.awaited(*key)
        return stage, seed


def _read(arguments: list[str]) -> dict[str, object]:
    """What the tools make of ``--cfg-options``."""
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction, default={})
    return dict(parser.parse_args(['--cfg-options', *arguments]).cfg_options)


def _options(options: Mapping[str, object]) -> list[str]:
    """Options as arguments of the tools, which have to read what the digest was made of."""
    arguments = [f'{key}={value}' for key, value in options.items()]
    read = _read(arguments)
    for key, value in options.items():
        if read[key] != value:
            raise ValueError(
                f"option '{key}' must be a number, a word, true, false, null or a list of these (of a mapping, write "
                f'dotted keys), got {value!r}'
            )
    return arguments


def _digest(config: Config, processes: int = 1) -> str:
    content = [config.to_dict(), __version__, *([processes] if processes > 1 else [])]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _load(name: str) -> Config:
    try:
        return Config.fromfile(config_path(name))
    except FileNotFoundError as error:
        raise ValueError(f"'config' of a stage must be a file: {error}") from error


@dataclass(frozen=True)
class _Planner:
    """Collects jobs, each after those that it needs."""

    table: TableOnData
    data: str
    work_dir: Path
    options: Mapping[str, object]
    jobs: dict[str, Job] = field(default_factory=dict)
    tests: dict[tuple[str, int], Job] = field(default_factory=dict)
    trainings: dict[tuple[str, int], Job] = field(default_factory=dict)
    configs: dict[str, Config] = field(default_factory=dict)  # as they are read, once for all rows and seeds

    def train(self, name: str, seed: int) -> Job:
        """The training of a stage, after those that it builds on."""
        stage = self.table.stages[name]
        seed = stage.seed(seed)
        if (name, seed) in self.trainings:
            return self.trainings[name, seed]
        used = {key: self.train(other, seed) for key, other in stage.uses.items()}
        options = {**stage.options, **self.options, 'randomness.seed': seed}
        config = self._digested(stage, options, used)
        # Snakemake reads braces in a path as a wildcard
        stem = re.sub(r'[^\w.+-]', '_', Path(stage.config[self.data]).stem, flags=re.ASCII)
        folder = self.work_dir / f'{stem}-{_digest(config, stage.processes)}'
        checkpoint = folder / f'epoch_{config.train_cfg.max_epochs}.pth'
        path = config_path(stage.config[self.data])
        program: tuple[str, ...] = ('python', 'tools/train.py', path)
        if stage.processes > 1:
            program = ('bash', 'tools/dist_train.sh', path, str(stage.processes))
        command = (
            *program,
            '--work-dir',
            str(folder),
            '--resume',
            '--cfg-options',
            *_options(options | _checkpoints(used)),
        )
        inputs = tuple(dict.fromkeys(job.output for job in used.values()))
        job = Job(f'train_{folder.name}', command, inputs, str(checkpoint), stage.processes)
        self.jobs[job.name] = self.trainings[name, seed] = job
        return job

    def test(self, row: Row, seed: int) -> None:
        """The test of a row, after the trainings that it needs."""
        stage = self.table.stages[row.stage]
        train = self.train(row.stage, seed)
        # the model is built as it was for the training; load_from is what tools/test.py is given to test
        used = {
            key: self.train(other, seed) for key, other in stage.uses.items() if key not in ('load_from', *row.options)
        }
        options = {**stage.options, **self.options, 'randomness.seed': seed, **row.options}
        digest = _digest(self._digested(stage, options, used))
        folder = Path(train.output).parent / 'tests' / digest
        command = (
            'python',
            'tools/test.py',
            config_path(stage.config[self.data]),
            train.output,
            '--work-dir',
            str(folder),
            '--out',
            str(folder / 'metrics.json'),
            '--dump',
            str(folder / 'predictions.pkl'),
            '--cfg-options',
            *_options(options | _checkpoints(used)),
        )
        name = f'test_{Path(train.output).parent.name}_{digest}'
        job = Job(name, command, (train.output,), str(folder / 'metrics.json'))
        self.jobs[name] = self.tests[row.name, seed] = job

    def _digested(self, stage: Stage, options: Mapping[str, object], used: Mapping[str, Job]) -> Config:
        """The config that a digest is made of: checkpoints by their digest, not by where ``work_dir`` is."""
        inside = {key: Path(path).relative_to(self.work_dir).as_posix() for key, path in _checkpoints(used).items()}
        name = stage.config[self.data]
        if name not in self.configs:
            self.configs[name] = _load(name)
        config = copy.deepcopy(self.configs[name])
        config.merge_from_dict({**options, **inside})
        return config


def _checkpoints(used: Mapping[str, Job]) -> dict[str, str]:
    return {key: job.output for key, job in used.items()}


def _check(table: TableOnData, work_dir: Path, options: Mapping[str, object]) -> None:
    """Find what cannot be combined with ``uses``."""
    for name, stage in table.stages.items():
        if twice := sorted(set(stage.uses) & set(options)):
            raise ValueError(f"'options' must be others than those in uses of stage {name}, got {', '.join(twice)}")
        # options lose their spaces and are split at commas
        if stage.uses and _read([f'path={work_dir}'])['path'] != str(work_dir):
            raise ValueError(
                f"'work_dir' must be a path without spaces and commas, because stage {name} uses a checkpoint in it, "
                f'got {str(work_dir)!r}'
            )


def make_plan(table: Table, data: str, seeds: int, work_dir: Path, options: Mapping[str, object] | None = None) -> Plan:
    """Work out the jobs of a table.

    Args:
        table: The table.
        data: One of the table's datasets.
        seeds: Every stage is trained with the seeds 0 to ``seeds`` - 1, or with 0 alone if it is shared.
        work_dir: Where the results of all tables go.
        options: Config options on top of those of the table, for trainings and tests.

    Raises:
        ValueError: If the table has no such dataset, ``seeds`` is below 1, a config does not exist, an option is no
            value for the command line, or ``work_dir`` or ``options`` do not go with stages that use others.
    """
    if data not in table.data_sets:
        raise ValueError(f"'data' must be one of {', '.join(table.data_sets)} for table {table.name}, got {data!r}")
    if seeds < 1:
        raise ValueError(f"'seeds' must be a whole number > 0, got {seeds!r}")
    chosen = table.on(data)
    _check(chosen, work_dir, options or {})
    planner = _Planner(chosen, data, work_dir, options or {})
    for seed in range(seeds):
        for row in chosen.rows:
            if chosen.stages[row.stage].seed(seed) == seed:
                planner.test(row, seed)
    return Plan(chosen, data, seeds, tuple(planner.jobs.values()), planner.tests, planner.trainings)
