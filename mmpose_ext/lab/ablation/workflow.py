"""Running a plan with Snakemake: order, restarts, failures and clusters are its work."""

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from .plan import Job, Plan

__all__ = ['run_plan']

_SNAKEFILE = Path(__file__).with_name('Snakefile')
_STEPS = re.compile(r'^(\d+) of (\d+) steps')


def _absolute(job: Job, root: Path) -> str:
    """The job's command with this Python and the tools' full path, in this folder: a config's data may be below it."""
    _, tool, *arguments = job.command
    environment = f'PYTHONPATH={shlex.quote(str(root))}' + '${PYTHONPATH:+:$PYTHONPATH}'
    program = shlex.join([sys.executable, str(root / tool), *arguments])
    return f'cd {shlex.quote(str(Path.cwd()))} && {environment} {program}'


def _log(job: Job) -> Path:
    return Path(job.output).with_name('job.log')


def _write_plan(plan: Plan, work_dir: Path, root: Path) -> Path:
    jobs = [
        dict(
            name=job.name,
            inputs=job.inputs,
            output=job.output,
            command=_absolute(job, root),
            log=str(_log(job)),
        )
        for job in plan.jobs
    ]
    path = work_dir / 'plans' / f'{plan.table.name.replace("/", "_")}_{plan.data}_{plan.seeds}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(jobs, indent=1), encoding='utf-8')
    return path


def _with_remaining_time(lines: Iterable[str]) -> Iterable[str]:
    """Snakemake's output, with the remaining time after each line that counts jobs."""
    start = time.monotonic()
    for line in lines:
        yield line
        steps = _STEPS.match(line.strip())
        if not steps:
            continue
        done, total = int(steps[1]), int(steps[2]) - 1  # the last step only collects the others
        if done <= total:
            elapsed = time.monotonic() - start
            left = elapsed / done * (total - done)
            yield (
                f'{done} of {total} jobs done in {timedelta(seconds=round(elapsed))}, '
                f'about {timedelta(seconds=round(left))} left\n'
            )


def _summary(plan: Plan) -> str:
    """Which rows are not done, and where to read why."""
    lines = []
    for (name, seed), test in plan.tests.items():
        row = next(row for row in plan.table.rows if row.name == name)
        training = plan.trainings[plan.awaited(row.stage, seed)]
        if not test.is_done:
            log = _log(test if training.is_done else training)
            lines.append(f'not done: row "{name}", seed {seed}' + (f'; see {log}' if log.is_file() else ''))
    return '\n'.join([*lines, f'{len(plan.tests) - len(lines)} of {len(plan.tests)} rows done'])


@contextmanager
def _only_runner(work_dir: Path) -> Iterator[int]:
    """Hold the folder; the system lets go of it when the last process that has this file ends, however it ends."""
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / 'runner.lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(
                f'another runner is at work in {work_dir}; wait for it, or give another --work-dir'
            ) from error
        yield file.fileno()


def _snakemake(plan_file: Path, work_dir: Path, jobs: int) -> list[str]:
    """Snakemake's command line for a plan; what exists is kept, what was interrupted is done again."""
    settings = ['--snakefile', str(_SNAKEFILE), '--directory', str(work_dir), '--config', f'plan={plan_file}']
    limits = ['--jobs', str(jobs), '--cores', str(jobs)]
    restarts = ['--keep-going', '--rerun-incomplete', '--keep-incomplete', '--rerun-triggers', 'input']
    # a lock of its own would outlive a kill; ours does not
    return [sys.executable, '-m', 'snakemake', *settings, *limits, *restarts, '--nolock']


def run_plan(plan: Plan, work_dir: Path, root: Path, jobs: int = 1, arguments: Sequence[str] = ()) -> int:
    """Run what is not done yet.

    A job whose result exists is not run again. After a kill, trainings resume from their last checkpoint. If a job
    fails, those that do not need it go on.

    Args:
        plan: From :func:`make_plan`.
        work_dir: That of the plan.
        root: Folder with ``tools``.
        jobs: How many jobs at a time.
        arguments: Further arguments of Snakemake, such as ``--executor slurm``.

    Returns:
        Snakemake's exit status, 0 if every job is done.

    Raises:
        RuntimeError: If Snakemake is not installed, or another runner is at work in the folder.
    """
    if find_spec('snakemake') is None:
        raise RuntimeError(
            "the runner needs Snakemake: pip install 'mmpose_ext[ablation]'; "
            '--dry-run prints commands that need nothing else'
        )
    # threads that wait let go of the core, which the data workers need
    environment = {'GOMP_SPINCOUNT': '2000', **os.environ, 'XDG_CACHE_HOME': str(work_dir / '.cache')}
    with _only_runner(work_dir) as lock:
        command = [*_snakemake(_write_plan(plan, work_dir, root), work_dir, jobs), *arguments]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(lock,),  # Snakemake holds the folder as well, should this process alone be killed
        )
        for line in _with_remaining_time(process.stdout or ()):
            print(line, end='', flush=True)
        status = process.wait()
    print(_summary(plan), flush=True)
    return status
