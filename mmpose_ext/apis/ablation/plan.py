"""The jobs of a table: which commands to run, in which order, and where their results go.

Results lie in folders named after the content of the config. Two tables that train the same thing share it, a changed
config gets a folder of its own and is trained, and what is finished stays finished.
"""

import hashlib
import json
import shlex
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmpose_ext.config import config_path
from mmpose_ext.version import __version__

from .table import Row, Table

__all__ = ['Job', 'Plan', 'make_plan']


@dataclass(frozen=True)
class Job:
    """One command of a plan.

    Args:
        name: Unique in the plan.
        command: What to run, from the folder that holds ``tools``.
        inputs: Files that must exist before.
        output: File that exists when the job is done; a digest of all that it depends on is in its path.
    """

    name: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str

    def __str__(self) -> str:
        return shlex.join(self.command)

    @property
    def is_done(self) -> bool:
        """Whether the result exists."""
        return Path(self.output).is_file()


@dataclass(frozen=True)
class Plan:
    """All jobs of a table on one data set.

    Args:
        table: The table.
        data: The data set.
        seeds: Number of trainings of each stage.
        jobs: Trainings and tests, every one after those it needs.
        tests: The test of each row (by name) and seed; ``output`` holds its metrics, ``predictions.pkl`` beside it what
            the model predicted (MMEngine's ``DumpResults``).
        trainings: The training of each stage (by name) and seed; ``output`` is the last checkpoint.
    """

    table: Table
    data: str
    seeds: int
    jobs: tuple[Job, ...]
    tests: Mapping[tuple[str, int], Job]
    trainings: Mapping[tuple[str, int], Job]


def _options(options: Mapping[str, Any]) -> list[str]:
    """Options as arguments of the tools, which have to read what the digest was made of."""
    arguments = [f'{key}={value}' for key, value in options.items()]
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction, default={})
    read = parser.parse_args(['--cfg-options', *arguments]).cfg_options
    for key, value in options.items():
        if read[key] != value:
            raise ValueError(
                f"option '{key}' must be a number, a word, true, false, null or a list of these (of a mapping, write "
                f'dotted keys), got {value!r}'
            )
    return arguments


def _digest(config: Config) -> str:
    content = [config.to_dict(), __version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _load(name: str, options: Mapping[str, Any]) -> Config:
    try:
        config = Config.fromfile(config_path(name))
    except FileNotFoundError as error:
        raise ValueError(f"'config' of a stage must be a file: {error}") from error
    config.merge_from_dict(dict(options))
    return config


def _train_job(
    table: Table, stage_name: str, data: str, seed: int, work_dir: Path, options: Mapping[str, Any]
) -> tuple[Job, dict[str, Any]]:
    stage = table.stages[stage_name]
    name = stage.config[data]
    options = {**stage.options, **options, 'randomness.seed': seed}
    config = _load(name, options)
    folder = work_dir / f'{Path(name).stem}-{_digest(config)}'
    checkpoint = folder / f'epoch_{config.train_cfg.max_epochs}.pth'
    command = (
        'python',
        'tools/train.py',
        config_path(name),
        '--work-dir',
        str(folder),
        '--resume',
        '--cfg-options',
        *_options(options),
    )
    return Job(f'train_{folder.name}', command, (), str(checkpoint)), options


def _test_job(row: Row, train: Job, name: str, options: Mapping[str, Any]) -> Job:
    options = {**options, **row.options}
    digest = _digest(_load(name, options))
    folder = Path(train.output).parent / 'tests' / digest
    command = (
        'python',
        'tools/test.py',
        config_path(name),
        train.output,
        '--work-dir',
        str(folder),
        '--out',
        str(folder / 'metrics.json'),
        '--dump',
        str(folder / 'predictions.pkl'),
        '--cfg-options',
        *_options(options),
    )
    name = f'test_{Path(train.output).parent.name}_{digest}'
    return Job(name, command, (train.output,), str(folder / 'metrics.json'))


def make_plan(table: Table, data: str, seeds: int, work_dir: Path, options: Mapping[str, Any] | None = None) -> Plan:
    """Work out the jobs of a table.

    Args:
        table: The table.
        data: One of the table's data sets.
        seeds: Every stage is trained with the seeds 0 to ``seeds`` - 1.
        work_dir: Where the results of all tables go.
        options: Config options on top of those of the table, for trainings and tests.

    Raises:
        ValueError: If the table has no such data set, ``seeds`` is below 1, a config does not exist, or an option is no
            value for the command line.
    """
    if data not in table.data_sets:
        raise ValueError(f"'data' must be one of {', '.join(table.data_sets)} for table {table.name}, got {data!r}")
    if seeds < 1:
        raise ValueError(f"'seeds' must be a whole number > 0, got {seeds!r}")
    jobs: dict[str, Job] = {}
    tests: dict[tuple[str, int], Job] = {}
    trainings: dict[tuple[str, int], Job] = {}
    for seed in range(seeds):
        for row in table.rows:
            train, train_options = _train_job(table, row.stage, data, seed, work_dir, options or {})
            test = _test_job(row, train, table.stages[row.stage].config[data], train_options)
            tests[row.name, seed], trainings[row.stage, seed] = test, train
            jobs |= {train.name: train, test.name: test}
    return Plan(table, data, seeds, tuple(jobs.values()), tests, trainings)
