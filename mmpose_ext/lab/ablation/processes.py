"""The processes that a runner starts: how they are recognized and how they are ended, whatever becomes of the runner.

Every process below a runner carries the runner's mark in its environment. A guard in a session of its own waits for
the end of the runner. If the runner did not finish its work, the guard ends all processes that carry the mark. If the
guard was killed as well, the next runner in the same folder does it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

__all__ = ['MARK', 'end_processes', 'guarded', 'marked_processes', 'signals_as_exceptions']

#: Environment variable with the mark of the runner that a process belongs to.
MARK = 'MMPOSE_EXT_RUNNER'
#: Seconds that a training has to write a checkpoint after SIGTERM.
GRACE = 30.0

_FINISHED = b'finished'
_SHELLS = ('bash', 'sh', 'dash', 'tee')
_JOB_PROCESS = str(Path(__file__).with_name('job_process.py'))


def marked_processes(mark: str) -> list[psutil.Process]:
    """All running processes with this mark, except the calling one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _is_snakemake(process: psutil.Process) -> bool:
    return any(Path(word).name == 'snakemake' for word in process.cmdline()[:4])


def _waits_for_another(process: psutil.Process) -> bool:
    return process.name() in _SHELLS or _JOB_PROCESS in process.cmdline()[:3]


def _ask_to_end(processes: Sequence[psutil.Process], asked: set[int]) -> None:
    """Ask Snakemake to cancel its jobs on clusters, and the programs of local jobs to save and leave; each once.

    Shells, ``tee`` and what a program has started itself (data workers) end with the program. If they ended before it,
    the program could fail while it writes a checkpoint.
    """
    programs = []
    for process in processes:
        with suppress(psutil.Error):
            if not _is_snakemake(process):
                if not _waits_for_another(process):
                    programs.append(process)
            elif process.pid not in asked:
                asked.add(process.pid)
                process.send_signal(signal.SIGINT)
    pids = {process.pid for process in programs}
    for process in programs:
        with suppress(psutil.Error):
            if process.ppid() not in pids and process.pid not in asked:
                asked.add(process.pid)
                process.terminate()


def end_processes(mark: str, grace: float = GRACE) -> int:
    """End all processes with a mark.

    Args:
        mark: The mark.
        grace: Seconds to wait before those that are left are killed.

    Returns:
        How many there were.
    """
    found = left = marked_processes(mark)
    asked: set[int] = set()
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        _ask_to_end(left, asked)
        time.sleep(0.1)
        left = marked_processes(mark)
    while left:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)
        left = marked_processes(mark)
    return len(found)


@contextmanager
def guarded(mark: str) -> Iterator[None]:
    """End the processes with a mark when the block is left by an error, or when this process is killed inside of it."""
    reading, writing = os.pipe()
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    guard = subprocess.Popen(
        [sys.executable, __file__, mark, str(reading)],
        pass_fds=(reading,),
        start_new_session=True,  # a signal to the runner's group does not reach it
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(reading)
    try:
        yield
        with suppress(OSError):  # the guard was killed
            os.write(writing, _FINISHED)
    except BaseException:
        end_processes(mark)
        raise
    finally:
        os.close(writing)
        guard.wait()


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into :class:`SystemExit`, so that blocks are left in order."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    kept = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def main(mark: str, alive: int) -> None:
    """Wait until the runner, which holds the other end of a pipe, says that it has finished, or ends."""
    if os.read(alive, len(_FINISHED)) != _FINISHED:
        end_processes(mark)


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))
