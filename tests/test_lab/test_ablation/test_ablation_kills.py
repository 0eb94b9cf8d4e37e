"""The runner is really killed, in every way, with small programs in the place of the tools."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from warm_python import WarmPython

pytestmark = pytest.mark.skipif(find_spec('snakemake') is None, reason="needs Snakemake (the extra 'ablation')")

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120  # seconds; a busy machine needs many

# a "training" with a data worker: it reports its processes, saves when it gets SIGTERM, and ends when it may
TOOL = """
import json, os, signal, subprocess, sys, time, zipfile
from pathlib import Path

output, state = Path(sys.argv[1]), Path(sys.argv[2])

def save(number, frame):
    time.sleep(.3)  # a checkpoint takes a while; the log has to stay open for it
    print('saving', flush=True)
    (state / 'saved').write_text('yes')
    sys.exit(143)

signal.signal(signal.SIGTERM, save)
worker = subprocess.Popen(['sleep', '300'])
(state / 'new').write_text(json.dumps([os.getpid(), worker.pid]))
(state / 'new').rename(state / 'pids')
while not (state / 'go').exists():
    print('step', flush=True)
    time.sleep(.05)
worker.kill()
if (state / 'cut').exists():
    (state / 'cut').unlink()
    output.write_bytes(b'PK cut off')
else:
    with zipfile.ZipFile(output, 'w') as archive:
        archive.writestr('epoch_1/data.pkl', 'x')  # as torch names the first record
"""
START = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, such as this test's, ignores it
sys.modules['mmpose'] = None  # takes seconds to import, and a runner does not need it
from mmpose_ext.lab.ablation import Job, Plan, Row, Stage, Table, run_plan

root, work, state = map(Path, sys.argv[1:4])
table = Table('t', 'T', 'S', {'AP': 'AP'}, 'AP', {'s': Stage({'d': 'c.py'})}, (Row('r', 's'),))
output = str(work / 'a' / 'epoch_1.pth')
train = Job('train_a', ('python', 'tool.py', output, str(state)), (), output)
result = str(work / 'a' / 'tests' / 'b' / 'metrics.json')
test = Job('test_b', ('python', 'test.py', result), (output,), result)
plan = Plan(table, 'd', 1, (train, test), {('r', 0): test}, {('s', 0): train})
sys.exit(run_plan(plan, work, root))
"""


@dataclass
class Bench:
    """Programs in the place of the tools, a start of the runner, and what the programs tell of themselves."""

    folder: Path

    def __post_init__(self) -> None:
        # braces and a space: Snakemake takes braces in a path for a wildcard
        self.work, self.state = self.folder / 'my {x} results', self.folder / 'state'
        self.state.mkdir()
        for name, text in dict(tool=TOOL, start=START, test="import sys; open(sys.argv[1], 'w').write('{}')").items():
            (self.folder / f'{name}.py').write_text(text)

    def start(self, python: str = sys.executable) -> subprocess.Popen[str]:
        command = [python, '-W', 'ignore', self.folder / 'start.py', self.folder, self.work, self.state]
        environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
        return subprocess.Popen(
            list(map(str, command)),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[psutil.Process]:
        """All processes that know this folder: in their command line or their environment, or the job's worker."""
        found = []
        for process in psutil.process_iter():
            try:
                text = ' '.join([*process.cmdline(), *process.environ().values()])
                if process.pid != os.getpid() and str(self.folder) in text and process.status() != 'zombie':
                    found.append(process)
            except psutil.Error:
                pass
        return found


def wait_for(reached: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def snakemake(bench: Bench) -> psutil.Process:
    (found,) = (
        one
        for one in bench.processes()
        if '--snakefile' in one.cmdline()
        and '--nolock' in one.cmdline()
        and one.ppid() not in {other.pid for other in bench.processes() if '--snakefile' in other.cmdline()}
    )
    return found  # fmt: skip


def kill_all_but_the_job(runner: subprocess.Popen[str], bench: Bench) -> None:
    """The runner and its guard, which know of the others, are the first."""
    job = [one for one in bench.processes() if 'tool.py' in ' '.join(one.cmdline()) or one.name() == 'tee']
    others = [one for one in bench.processes() if one not in job and one.pid != runner.pid]
    guard = [one for one in psutil.Process(runner.pid).children() if one not in [*job, *others]]
    runner.send_signal(signal.SIGSTOP)
    for process in (*guard, psutil.Process(runner.pid), *others):
        process.kill()


KILLS: dict[str, tuple[Callable[[subprocess.Popen[str], Bench], object], bool]] = {
    # what is done, and whether the training gets the time to save
    'SIGKILL': (lambda runner, bench: runner.kill(), True),
    'SIGKILL of its group': (lambda runner, bench: os.killpg(runner.pid, signal.SIGKILL), True),
    'SIGTERM': (lambda runner, bench: runner.terminate(), True),
    'Ctrl-C': (lambda runner, bench: os.killpg(runner.pid, signal.SIGINT), True),
    'closed pipe': (lambda runner, bench: runner.stdout and runner.stdout.close(), True),
    'SIGKILL of Snakemake': (lambda runner, bench: snakemake(bench).kill(), True),
    'SIGKILL of all but the job': (lambda runner, bench: kill_all_but_the_job(runner, bench), False),
}


def test_no_kill_leaves_a_process_or_stops_the_next_start(tmp_path: Path, warm_python: WarmPython) -> None:
    bench = Bench(tmp_path)
    (bench.state / 'cut').touch()
    for kind, (kill, saves) in KILLS.items():
        runner = bench.start()
        wait_for((bench.state / 'pids').exists, f'the job starts, before {kind}')
        kill(runner, bench)
        if saves:
            wait_for(lambda: not bench.processes(), f'all processes end after {kind}: {bench.processes()}')
            assert (bench.state / 'saved').exists(), kind
        runner.wait(PATIENCE)
        assert runner.returncode != 0, kind
        if runner.stdout:
            runner.stdout.close()
        for name in ('pids', 'saved'):
            (bench.state / name).unlink(missing_ok=True)
    assert bench.processes()  # the job of the last kill, which the next start has to end

    first = bench.start(warm_python.executable)
    wait_for((bench.state / 'saved').exists, 'the next start ends the job')
    (bench.state / 'go').touch()
    printed, _ = first.communicate(timeout=PATIENCE)
    assert 'earlier runner, which was killed' in printed
    assert 'its result is not whole' in printed and printed.rstrip().endswith('0 of 1 rows done')
    assert (bench.work / 'a' / 'epoch_1.pth.broken').exists()
    second = bench.start(warm_python.executable)
    printed, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0 and printed.rstrip().endswith('1 of 1 rows done'), printed
    assert (bench.work / 'a' / 'job.log').read_text().count('saving') == len(KILLS)
    assert not bench.processes()


def test_a_result_that_was_cut_off_later_is_made_again(tmp_path: Path, warm_python: WarmPython) -> None:
    bench = Bench(tmp_path)
    (bench.state / 'go').touch()
    first = bench.start(warm_python.executable)
    printed, _ = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, printed
    metrics = bench.work / 'a' / 'tests' / 'b' / 'metrics.json'
    before = (bench.work / 'a' / 'epoch_1.pth').stat().st_mtime_ns
    metrics.write_text('{"AP": 0.')
    second = bench.start(warm_python.executable)
    printed, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0 and f'not whole, so it is made again: {metrics}' in printed
    assert metrics.read_text() == '{}' and (bench.work / 'a' / 'epoch_1.pth').stat().st_mtime_ns == before
