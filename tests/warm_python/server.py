"""Imports the libraries once and forks for each program that a client asks for.

A forked process ends as an interpreter does (exit status, traceback, threads, handlers of ``atexit``, flushed streams),
but it leaves the objects of the libraries to the system: taking them apart would copy all of the shared memory.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import types
import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import torch

# what programs import; none of it may start a thread, which a forked process would lack
LIBRARIES = (
    *('mmcv.ops', 'mmdet.models', 'mmengine.runner', 'scipy.io'),
    *(f'mmpose.{part}' for part in ('apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization')),
)


class Client:
    """A connection, and the process that was forked for it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.pid: int | None = None

    def receive(self) -> dict:
        header, self.streams, _, _ = socket.recv_fds(self.connection, 4, 3)
        length, text = int.from_bytes(header, 'little'), b''
        while len(text) < length:
            part = self.connection.recv(length - len(text))
            if not part:
                raise EOFError
            text += part
        return json.loads(text)

    def kill(self) -> None:
        if self.pid is not None:
            for end in (os.killpg, os.kill):  # the process may not have a group of its own yet
                with suppress(ProcessLookupError):
                    end(self.pid, signal.SIGKILL)


def become(request: dict, streams: list[int]) -> None:
    """Take over what a new process has from its parent."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request['folder'])
    os.environ.clear()
    os.environ.update(request['environment'])
    np.random.seed()  # noqa: NPY002 (Python's own generator does so by itself)
    with suppress(KeyError):
        torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))


def main(listener: socket.socket, alive: int) -> tuple[dict, list[int]]:
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    handler = signal.signal(signal.SIGCHLD, lambda *_: None)
    clients: dict[int, Client] = {}
    while True:
        ready, _, _ = select.select([listener, alive, waking, *clients], [], [])
        if alive in ready:  # the tests have ended
            for client in clients.values():
                client.kill()
            os._exit(0)
        if waking in ready:
            os.read(waking, 1024)
            report_ends(clients)
        for number in [number for number in ready if number in clients]:
            client = clients[number]
            with suppress(ConnectionError):
                signals = b''
                signals = client.connection.recv(16)
            if not signals:  # the client was killed
                client.kill()
                del clients[number]
            for sent in signals:
                os.kill(client.pid, sent)
        if listener in ready:
            client = Client(listener.accept()[0])
            try:
                request = client.receive()
            except (EOFError, OSError):
                continue
            client.pid = os.fork()
            if client.pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, handler)
                for connection in (listener, client.connection, *(other.connection for other in clients.values())):
                    connection.close()
                for number in (alive, waking, woken):
                    os.close(number)
                return request, client.streams
            for stream in client.streams:
                os.close(stream)
            clients[client.connection.fileno()] = client


def report_ends(clients: dict[int, Client]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            for number, client in list(clients.items()):
                if client.pid == pid:
                    with suppress(OSError):
                        client.connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, 'little', signed=True))
                    client.connection.close()
                    del clients[number]


def run(arguments: list[str]) -> None:
    """Run a program as the interpreter would: ``[-u] [-W FILTER] FILE | -c CODE | -m MODULE``."""
    buffered = not os.environ.get('PYTHONUNBUFFERED')
    filters = [text for text in os.environ.get('PYTHONWARNINGS', '').split(',') if text]
    while arguments[0] in ('-u', '-W'):
        option, *arguments = arguments
        if option == '-u':
            buffered = False
        else:
            text, *arguments = arguments
            filters.append(text)
    sys.warnoptions[:] = filters
    warnings._processoptions(filters)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty(), write_through=not buffered)
    paths = os.environ.get('PYTHONPATH', '').split(os.pathsep) if os.environ.get('PYTHONPATH') else []
    first, *rest = arguments
    sys.path[:0] = map(os.path.abspath, paths)
    if first == '-m':
        sys.argv = [rest[0], *rest[1:]]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
        return
    module = types.ModuleType('__main__')
    module.__builtins__ = __builtins__
    sys.modules['__main__'] = module
    if first == '-c':
        code, sys.argv = compile(rest[0], '<string>', 'exec'), ['-c', *rest[1:]]
        sys.path.insert(0, '')
    else:
        module.__file__, sys.argv = os.path.abspath(first), arguments
        sys.path.insert(0, os.path.dirname(os.path.realpath(first)))
        with open(first, 'rb') as file:
            code = compile(file.read(), module.__file__, 'exec')
    exec(code, module.__dict__)


def end_after(program: Callable[[], None]) -> None:
    """Run a program and end the process."""
    status: object = 0
    interrupted = False
    try:
        program()
    except SystemExit as error:
        status = error.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status, interrupted = 1, isinstance(error, KeyboardInterrupt)
    if status is not None and not isinstance(status, int):
        print(status, file=sys.stderr)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a closed pipe or stream
            stream.flush()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(0 if status is None else status & 0xFF if isinstance(status, int) else 1)


if __name__ == '__main__':
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()  # pages that the garbage collector does not write to stay shared
    request, streams = main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
    sys.executable = sys.argv[3]
    become(request, streams)
    end_after(lambda: run(request['arguments']))
