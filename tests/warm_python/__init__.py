"""An interpreter for tests that starts programs without importing torch and OpenMMLab anew each time.

Importing torch, MMEngine, MMCV, MMDetection and MMPose takes several seconds of a core. :class:`WarmPython` does it
once, in a server (``server.py``), which forks for each program. Its ``executable`` takes an interpreter's arguments
(``client.py``); every start is a process of its own, with the arguments, folder, environment and standard streams of
the caller, and it ends with the status or by the signal that the program ended with.

What differs from a real interpreter: the program is a child of the server, in a session of its own. The process that
the caller sees hands it SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2; if that process is killed, the server kills the
program. Tests that look at the tree of processes, or send signals to a whole group, use ``sys.executable``.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

FOLDER = Path(__file__).resolve().parent


class WarmPython:
    """The server and the executable that asks it for a process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix='warm-'))  # a socket's path has 107 bytes at most
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.folder / 'socket'))
        listener.listen(64)  # requests wait here until the server has imported everything
        alive, self._alive = os.pipe()
        environment = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
        environment.pop('PYTHONPATH', None)  # a program gets its own
        self.executable = str(self.folder / 'python')
        self.server = subprocess.Popen(
            [sys.executable, str(FOLDER / 'server.py'), str(listener.fileno()), str(alive), self.executable],
            pass_fds=(listener.fileno(), alive),
            env=environment,
            stdin=subprocess.DEVNULL,
            # a stream that can seek would try to do so after it has been handed to a program that writes to a pipe
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then end the server
        )
        listener.close()
        os.close(alive)
        client = shlex.join([sys.executable, '-I', '-S', str(FOLDER / 'client.py'), str(self.folder / 'socket')])
        Path(self.executable).write_text(f'#!/bin/sh\nexec {client} "$@"\n')
        Path(self.executable).chmod(0o755)

    def processes(self) -> list[psutil.Process]:
        """The running programs and everything that they have started."""
        return psutil.Process(self.server.pid).children(recursive=True)

    def close(self) -> None:
        os.close(self._alive)
        printed, _ = self.server.communicate()
        shutil.rmtree(self.folder)
        assert self.server.returncode == 0, printed


@pytest.fixture(scope='session')
def warm_python() -> Iterator[WarmPython]:
    python = WarmPython()
    yield python
    python.close()
