"""The process around the command of a job: it checks the result, and it requeues a job that Slurm preempts.

Snakemake starts this file as a program, on whichever node a job runs. It therefore needs nothing but Python's standard
library.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

__all__ = ['discard', 'is_whole', 'main']

_SECONDS_TO_BE_ENDED = 300  # after a job has been requeued, Slurm ends its processes


def is_whole(path: Path) -> bool:
    """Whether a file exists and was written to its end.

    Args:
        path: A ``.json`` file has to be a json object. A ``.pth`` file has to be an archive of PyTorch; its table of
            contents, which is written last, has to fit the length of the file. Any other file must not be empty.
    """
    try:
        if path.suffix == '.json':
            return isinstance(json.loads(path.read_text(encoding='utf-8')), dict)
        elif path.suffix == '.pth':
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith('/data.pkl') for name in archive.namelist())
        return path.is_file() and path.stat().st_size > 0
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile):  # ValueError: json, UTF-8
        return False


def discard(path: Path) -> bool:
    """Rename a result that is not whole to ``<name>.broken``, so that it is made again.

    A training without any whole checkpoint would refuse to resume; it is started from the beginning.

    Returns:
        Whether there was such a file.
    """
    if is_whole(path) or not path.exists():
        return False
    _set_aside(path)
    checkpoints = list(path.parent.glob('*.pth')) if path.suffix == '.pth' else []
    if path.suffix == '.pth' and not any(is_whole(other) for other in checkpoints):
        for other in checkpoints:
            _set_aside(other)
        (path.parent / 'last_checkpoint').unlink(missing_ok=True)
    return True


def _set_aside(path: Path) -> None:
    path.replace(path.with_name(f'{path.name}.broken'))


def _requeue_if_preempted() -> None:
    """Put a job back into Slurm's queue that Slurm has told to make room for another one.

    Slurm does so itself when the grace time is over, unless the job has failed before.
    """
    job = os.environ.get('SLURM_JOB_ID')
    if job is None:
        return
    shown = subprocess.run(['scontrol', 'show', 'job', '-o', job], capture_output=True, text=True).stdout
    if 'PreemptTime=2' in shown and 'JobState=RUNNING' in shown:
        print(f'ablation: Slurm preempts job {job}; it is requeued', flush=True)
        if subprocess.run(['scontrol', 'requeue', job]).returncode == 0:
            time.sleep(_SECONDS_TO_BE_ENDED)


def _stay(number: int, frame: FrameType | None) -> None:
    """Ignore SIGTERM, which the command gets as well, until the command has saved its state and ended."""


def main(output: str, command: Sequence[str]) -> int:
    """Run the command of a job.

    Args:
        output: File that exists and is whole when the job is done.
        command: The program and its arguments.

    Returns:
        The exit status: that of the command; 1 if the command succeeds without a whole result.
    """
    signal.signal(signal.SIGTERM, _stay)  # unlike SIG_IGN, a handler is not inherited by the command
    status = subprocess.Popen(command).wait()
    if status != 0:
        _requeue_if_preempted()
        return status if status > 0 else 128 - status
    if is_whole(Path(output)):
        return 0
    reason = 'is not whole' if discard(Path(output)) else 'was not written'
    print(f'ablation: the command succeeded, but its result {reason}: {output!r}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
