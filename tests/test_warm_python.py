"""The warm interpreter beside the real one: each program says the same of itself and ends in the same way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from warm_python import WarmPython

SAY = """
import atexit, json, os, sys
atexit.register(print, 'handler')
text = sys.stdin.read()
state = dict(argv=sys.argv, name=__name__, folder=os.getcwd(), path=sys.path[:3], text=text, given=os.environ['GIVEN'])
state.update(torch=__import__('torch').get_num_threads(), file=globals().get('__file__'), home=os.environ.get('HOME'))
print(json.dumps(state))
print('unbuffered', end='')
os.close(2) if sys.argv[-1] == 'closed' else print('error', file=sys.stderr)
"""
ENDS = {
    'return': ('pass', 0),
    'status': ('import sys; sys.exit(75)', 75),
    'text': ('import sys; sys.exit("why")', 1),
    'none': ('import sys; sys.exit()', 0),
    'error': ('1 / 0', 1),
    'syntax': ('1 +', 1),
    'abrupt': ('import os; os._exit(3)', 3),
    'SIGKILL': ('import os; os.kill(os.getpid(), 9)', -signal.SIGKILL),
    'SIGSEGV': ('import os; os.kill(os.getpid(), 11)', -signal.SIGSEGV),
    # the handler: whoever starts the tests in the background has them ignore SIGINT
    'Ctrl-C': ('import signal; signal.signal(2, signal.default_int_handler); signal.raise_signal(2)', -signal.SIGINT),
    'a thread': ('import threading; threading.Timer(.2, print, ["late"]).start()', 0),
}


@pytest.fixture(scope='module')
def interpreters(warm_python: WarmPython) -> tuple[str, str]:
    return sys.executable, warm_python.executable


def run(python: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != 'HOME'}
    environment |= dict(GIVEN='ü and spaces ', PYTHONPATH=f'other{os.pathsep}{folder}', OMP_NUM_THREADS='2')
    environment.update(CUDA_VISIBLE_DEVICES='')
    return subprocess.run(
        [python, '-W', 'ignore', *arguments],
        input='read',
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize('arguments', [('say.py', 'a b', 'closed'), ('-u', '-c', SAY, '--x="y"')])
def test_programs_find_the_same(interpreters: tuple[str, str], tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / 'say.py').write_text(SAY)
    real, warm = (run(python, tmp_path, *arguments) for python in interpreters)
    assert (warm.returncode, warm.stdout, warm.stderr) == (real.returncode, real.stdout, real.stderr)
    assert json.loads(warm.stdout.splitlines()[0])['torch'] == 2


@pytest.mark.parametrize('end', ENDS)
def test_programs_end_in_the_same_way(interpreters: tuple[str, str], tmp_path: Path, end: str) -> None:
    code, status = ENDS[end]
    real, warm = (run(python, tmp_path, '-c', code) for python in interpreters)
    assert warm.returncode == real.returncode == status
    assert warm.stdout == real.stdout
    assert warm.stderr.splitlines()[-1:] == real.stderr.splitlines()[-1:]


LIVE = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print(subprocess.Popen(['sleep', '300']).pid, flush=True)
signal.pause()
"""


def start(warm_python: WarmPython) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    process = subprocess.Popen([warm_python.executable, '-c', LIVE], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(process.stdout.readline()))
    return process, [worker, worker.parent()]


def test_signals_reach_the_program(warm_python: WarmPython) -> None:
    process, (worker, _) = start(warm_python)
    process.terminate()
    assert process.wait(60) == 75
    process.stdout.close()
    worker.kill()


def test_a_killed_program_is_gone_with_all_that_it_started(warm_python: WarmPython) -> None:
    process, programs = start(warm_python)
    process.kill()
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs(programs, timeout=60)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_programs_draw_their_own_random_numbers(warm_python: WarmPython, tmp_path: Path) -> None:
    code = 'import random, numpy, uuid; print(random.random(), numpy.random.rand(), uuid.uuid4())'
    first, second = (run(warm_python.executable, tmp_path, '-c', code).stdout.split() for _ in range(2))
    assert len({*first, *second}) == 6


def test_what_needs_none_of_the_libraries_has_a_real_interpreter(warm_python: WarmPython, tmp_path: Path) -> None:
    code = 'import sys; sys.exit("torch" in sys.modules)'
    assert run(warm_python.executable, tmp_path, '-c', code).returncode == 1
    assert run(warm_python.executable, tmp_path, '-I', '-c', code).returncode == 0
    (tmp_path / 'module.py').write_text(code)
    assert run(warm_python.executable, tmp_path, '-m', 'module').returncode == 0
