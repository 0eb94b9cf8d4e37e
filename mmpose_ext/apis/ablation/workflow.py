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
    """The job's command with this Python and the tools' full path, so that it runs from any folder."""
    _, tool, *arguments = job.command
    environment = f'PYTHONPATH={shlex.quote(str(root))}' + '${PYTHONPATH:+:$PYTHONPATH}'
    return f'{environment} {shlex.join([sys.executable, str(root / tool), *arguments])}'


def _write_plan(plan: Plan, work_dir: Path, root: Path) -> Path:
    jobs = [
        dict(
            name=job.name,
            inputs=job.inputs,
            output=job.output,
            key=job.key,
            command=_absolute(job, root),
            log=str(Path(job.output).parent / 'job.log'),
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
        if steps:
            done, total = int(steps[1]), int(steps[2])
            elapsed = time.monotonic() - start
            left = elapsed / done * (total - done)
            yield (
                f'{done} of {total} jobs done in {timedelta(seconds=round(elapsed))}, '
                f'about {timedelta(seconds=round(left))} left\n'
            )


@contextmanager
def _only_runner(work_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; the system lets go of the lock when the process ends, however it ends."""
    with (work_dir / 'runner.lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(
                f'another runner is at work in {work_dir}; wait for it, or give another --work-dir'
            ) from error
        yield


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
        RuntimeError: If Snakemake is not installed.
    """
    if find_spec('snakemake') is None:
        raise RuntimeError(
            "the runner needs Snakemake: pip install 'mmpose_ext[ablation]'; "
            '--dry-run prints commands that need nothing else'
        )
    path = _write_plan(plan, work_dir, root)
    command = [
        sys.executable,
        '-m',
        'snakemake',
        '--snakefile',
        str(_SNAKEFILE),
        '--directory',
        str(work_dir),
        '--config',
        f'plan={path}',
        '--jobs',
        str(jobs),
        '--cores',
        str(jobs),
        '--keep-going',
        '--rerun-incomplete',
        '--rerun-triggers',
        'input',
        'params',
        '--keep-incomplete',
        *arguments,
    ]
    # threads that wait leave the core to the data workers
    environment = {'OMP_WAIT_POLICY': 'passive', **os.environ, 'XDG_CACHE_HOME': str(work_dir / '.cache')}
    with _only_runner(work_dir):
        # the lock of a runner that was killed; a living one holds ours
        subprocess.run([*command, '--unlock'], env=environment, capture_output=True, check=True)
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in _with_remaining_time(process.stdout or ()):
            print(line, end='', flush=True)
        return process.wait()
