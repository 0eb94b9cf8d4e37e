"""Running a plan with Snakemake, which cares for the order of the jobs, restarts, failures and clusters."""

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from mmpose_ext.files import write_whole

from .job_process import discard
from .plan import Job, Plan

__all__ = ['run_plan']

_SNAKEFILE = Path(__file__).with_name('Snakefile')
_JOB_PROCESS = Path(__file__).with_name('job_process.py')
_STEPS = re.compile(r'^(\d+) of (\d+) steps')


def _shell_command(job: Job, root: Path) -> str:
    """The job's command with this Python and the tools' full path, started by ``job_process.py``.

    It runs in the current folder, because the data that a config names may lie below it.
    """
    program, tool, *arguments = job.command
    variables = [f'PYTHONPATH={shlex.quote(str(root))}' + '${PYTHONPATH:+:$PYTHONPATH}']
    if program == 'python':
        program = sys.executable
    else:  # a shell script, which starts the interpreter that PYTHON names
        variables.append(f'PYTHON={shlex.quote(sys.executable)}')
    command = [sys.executable, str(_JOB_PROCESS), job.output, program, str(root / tool), *arguments]
    return f'cd {shlex.quote(str(Path.cwd()))} && {" ".join(variables)} {shlex.join(command)}'


def _log(job: Job) -> Path:
    return Path(job.output).with_name('job.log')


def _write_plan(plan: Plan, work_dir: Path, root: Path, gpus: int) -> str:
    """Write what the Snakefile reads; returns the file's path from ``work_dir``.

    Paths are relative to ``work_dir``, in which Snakemake runs: it takes braces in a path for a wildcard.
    """

    def inside(path: str | Path) -> str:
        return Path(path).relative_to(work_dir).as_posix()

    jobs = [
        dict(
            name=job.name,
            inputs=[inside(path) for path in job.inputs],
            output=inside(job.output),
            command=_shell_command(job, root),
            log=inside(_log(job)),
            processes=job.processes,
            gpus=gpus * job.processes,
        )
        for job in plan.jobs
    ]
    name = re.sub(r'[^\w.+-]', '_', f'{plan.table.name}_{plan.data}_{plan.seeds}', flags=re.ASCII)
    path = work_dir / 'plans' / f'{name[-150:]}.json'
    write_whole(path, json.dumps(jobs, indent=1))
    return inside(path)


def _with_remaining_time(lines: Iterable[str]) -> Iterator[str]:
    """Snakemake's output, with the remaining time after each line that counts jobs."""
    start = time.monotonic()
    for line in lines:
        yield line
        steps = _STEPS.match(line.strip())
        if not steps:
            continue
        done, total = int(steps[1]), int(steps[2]) - 1  # the last step only collects the others
        if 0 < done <= total:
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
def _only_runner(work_dir: Path) -> Iterator[str]:
    """Hold the folder and yield the mark of this runner's processes.

    The system releases the lock when this process ends, however it ends. Processes that an earlier runner left behind
    are ended first.

    Raises:
        RuntimeError: If another runner holds the folder, or its file system has no locks.
    """
    from .processes import end_processes  # needs psutil, which comes with Snakemake

    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / 'runner.lock').open('a+') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(
                f'another runner is at work in {work_dir}; wait for it, or give another --work-dir'
            ) from error
        except OSError as error:
            raise RuntimeError(
                f'{file.name} cannot be locked: {error.strerror}; give a --work-dir on a file system that has locks'
            ) from error
        file.seek(0)
        earlier = file.read().strip()
        if earlier and (number := end_processes(earlier)):
            print(f'ended {number} processes of an earlier runner, which was killed', flush=True)
        mark = uuid.uuid4().hex
        file.truncate(0)
        file.write(mark)
        file.flush()
        yield mark


def _discard_broken(plan: Plan) -> None:
    """Move away results that are not whole, because Snakemake takes every file that exists for a result."""
    for job in plan.jobs:
        if discard(Path(job.output)):
            print(f'not whole, so it is made again: {job.output}', flush=True)


def _snakemake(plan_file: str, work_dir: Path, jobs: int) -> list[str]:
    """Snakemake's command line for a plan; results that exist are kept, interrupted jobs are run again."""
    settings = ['--snakefile', str(_SNAKEFILE), '--directory', str(work_dir), '--config', f'plan={plan_file}']
    limits = ['--jobs', str(jobs), '--cores', str(jobs)]
    restarts = ['--keep-going', '--rerun-incomplete', '--keep-incomplete', '--rerun-triggers', 'input']
    # Snakemake's own lock would outlive a kill; the one of _only_runner does not
    return [sys.executable, '-m', 'snakemake', *settings, *limits, *restarts, '--nolock']


def _run(command: Sequence[str], work_dir: Path, mark: str) -> int:
    """Run Snakemake and print what it prints; returns its exit status."""
    from .processes import MARK, end_processes

    # threads that wait release the core, which the data workers need
    variables = {'GOMP_SPINCOUNT': '2000', **os.environ, 'XDG_CACHE_HOME': str(work_dir / '.cache'), MARK: mark}
    process = subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        errors='replace',
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the others in order
    )

    def end_jobs_after_snakemake() -> None:
        process.wait()
        end_processes(mark)  # if Snakemake was killed, its jobs still run and hold the pipe open

    threading.Thread(target=end_jobs_after_snakemake, daemon=True).start()
    for line in _with_remaining_time(process.stdout or ()):
        print(line, end='', flush=True)
    return process.wait()


def run_plan(
    plan: Plan, work_dir: Path, root: Path, jobs: int = 1, arguments: Sequence[str] = (), gpus: int = 0
) -> int:
    """Run all jobs that are not done yet.

    A job whose result exists and is whole is not run again. After a kill, trainings resume from their last checkpoint.
    If a job fails, the jobs that do not need its result still run. However this process ends, the processes that it
    started end as well; a training is given 30 seconds to save a checkpoint.

    Args:
        plan: From :func:`make_plan`.
        work_dir: The folder that the plan was made for.
        root: Folder with ``tools``.
        jobs: How many jobs at a time.
        arguments: Further arguments of Snakemake, such as ``--executor slurm``.
        gpus: Number of GPUs that a cluster is asked for, for each process of a job.

    Returns:
        Snakemake's exit status, 0 if every job is done.

    Raises:
        ValueError: If ``work_dir`` is no text in UTF-8, which Snakemake needs.
        RuntimeError: If Snakemake is not installed, or another runner is at work in the folder.
    """
    if find_spec('snakemake') is None:
        raise RuntimeError(
            "the runner needs Snakemake: pip install 'mmpose_ext[ablation]'; "
            '--dry-run prints commands that need nothing else'
        )
    from .processes import guarded, signals_as_exceptions

    try:
        str(work_dir).encode()
    except UnicodeEncodeError:
        raise ValueError(f"'work_dir' must be a name in UTF-8, got {str(work_dir)!r}") from None
    with signals_as_exceptions(), _only_runner(work_dir) as mark:
        _discard_broken(plan)
        command = [*_snakemake(_write_plan(plan, work_dir, root, gpus), work_dir, jobs), *arguments]
        with guarded(mark):
            status = _run(command, work_dir, mark)
    print(_summary(plan), flush=True)
    return status
