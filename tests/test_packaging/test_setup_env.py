"""The environment script against stand-ins for Python, pip and the compiler: nothing is installed here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What the script may use of a bare machine; df, the compiler and Python are stand-ins.
PROGRAMS = (
    *(
        'awk',
        'bash',
        'cat',
        'chmod',
        'cksum',
        'cp',
        'cut',
        'date',
        'dirname',
        'env',
        'find',
        'flock',
        'getconf',
        'grep',
    ),
    *('head', 'mkdir', 'mv', 'rm', 'sed', 'sleep', 'tail', 'touch', 'tr', 'wc'),
)

FAKE_PYTHON = """#!/usr/bin/env bash
# Plays Python {version}: answers the script's questions, writes down every call of pip, fails where it is told to.
case "$*" in
    *sys.version_info*) [ "{version}" = none ] && {{ echo 'shim: command not found' >&2; exit 127; }}; echo {version} ;;
    *ensurepip*) [ -z "${{FAKE_NO_ENSUREPIP:-}}" ] ;;
    *sysconfig*) echo "$FAKE_INCLUDE" ;;
    '-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/pyvenv.cfg" ;;
    '-m pip cache dir') echo /nowhere/pip ;;
    '-m pip '*)
        echo "$* PYTHONPATH=${{PYTHONPATH:-}} CXX=${{CXX:-}} CFLAGS=${{CFLAGS:-}}" >>"$FAKE_CALLS"
        if [ -n "${{FAKE_SLEEP_ON:-}}" ] && [[ "$*" == *"--no-deps"*"$FAKE_SLEEP_ON"* ]]; then sleep 300; fi
        if [ -n "${{FAKE_FAIL_ON:-}}" ] && [[ "$*" == *"$FAKE_FAIL_ON"* ]]; then echo "$FAKE_SAYS"; exit 1; fi ;;
    *' -c import mmcv.ops')
        if [ -n "${{FAKE_STALE_WHEEL:-}}" ] && [ ! -e "$FAKE_CALLS.rebuilt" ]; then
            touch "$FAKE_CALLS.rebuilt"; echo 'ImportError: undefined symbol'; exit 1
        fi ;;
    -c*|-W*) ;;
    *) echo "ran: $*" ;;
esac
"""


class Machine:
    """A repository with the script in it, and a PATH with stand-ins."""

    def __init__(self, path: Path):
        self.repository = path / 'repository'
        self.bin = path / 'bin'
        self.calls_file = path / 'calls'
        self.bin.mkdir(parents=True)
        shutil.copytree(ROOT / 'requirements', self.repository / 'requirements')
        shutil.copytree(ROOT / 'tools' / 'env', self.repository / 'tools' / 'env')
        for name in ('tools/setup_env.sh', 'tools/run_tests.sh', 'setup.py', 'pyproject.toml', 'mmpose_ext/version.py'):
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.repository / name)
        for name in PROGRAMS:
            program = shutil.which(name)
            if program is not None:
                (self.bin / name).symlink_to(program)
        (path / 'Python.h').touch()
        self.env = {
            'PATH': str(self.bin),
            'HOME': str(path),
            'FAKE_CALLS': str(self.calls_file),
            'FAKE_INCLUDE': str(path),
        }
        self.add_compiler('__GNUC__ 12')
        self.add('df', 'echo header; echo "/dev/fake 0 0 ${FAKE_FREE_KB:-99999999} 0% /"')
        self.add_python('python3', '3.11.7')

    def add(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(body if body.startswith('#!') else f'#!/usr/bin/env bash\n{body}\n')
        file.chmod(0o755)

    def add_python(self, name: str, version: str) -> None:
        self.add(name, FAKE_PYTHON.format(version=version))

    def add_compiler(self, macros: str, name: str = 'c++') -> None:
        """A C++ compiler that accepts everything and predefines some macros: '__GNUC__ 12, __clang_major__ 14'."""
        lines = '; '.join(f'echo "#define {macro}"' for macro in macros.split(', '))
        self.add(name, f'case "$*" in *-dM*) {lines} ;; esac')

    def remove(self, name: str) -> None:
        (self.bin / name).unlink()

    def run(self, *arguments: str, script: str = 'setup_env.sh', **env: str) -> subprocess.CompletedProcess[str]:
        command = ['bash', str(self.repository / 'tools' / script), *arguments]
        return subprocess.run(command, env=self.env | env, capture_output=True, text=True, timeout=60)

    def take_calls(self) -> list[str]:
        """Calls of pip since the last time."""
        calls = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return calls


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_builds_once_then_runs_the_command_at_once(machine: Machine) -> None:
    first = machine.run('python', 'script.py', '--flag')
    assert first.returncode == 0, first.stderr
    assert '[1/9]' in first.stdout and '[9/9]' in first.stdout
    assert first.stdout.endswith('ran: script.py --flag\n')
    calls = machine.take_calls()
    assert any('mmcv==2.1.0' in call and '--no-build-isolation' in call for call in calls)
    assert any('-e .' in call for call in calls)
    # what the import of mmcv.ops needs, which tells whether a wheel of pip's cache fits
    names = ('--no-deps -r requirements/pinned/libraries.txt', '-r requirements/pinned/stack-a.txt', 'mmcv==')
    order = [next(index for index, call in enumerate(calls) if name in call) for name in names]
    assert order == sorted(order)

    second = machine.run('python', 'script.py')
    assert second.stdout == 'ran: script.py\n'
    assert machine.take_calls() == []


def test_writes_only_below_the_repository(machine: Machine) -> None:
    before = set(machine.repository.parent.iterdir())
    assert machine.run().returncode == 0
    assert set(machine.repository.parent.iterdir()) - before == {machine.calls_file}
    assert {path.name for path in machine.repository.iterdir() if path.name.startswith('.')} == {'.venv', '.cache'}


def test_the_whole_suite_is_shared_among_processes(machine: Machine) -> None:
    printed = machine.run(script='run_tests.sh').stdout
    assert re.search(r'ran: -m pytest -n [1-9]\d* --dist loadfile --no-loadscope-reorder\n$', printed)


def test_run_tests_hands_its_arguments_to_pytest(machine: Machine) -> None:
    assert machine.run('-k', 'dark', script='run_tests.sh').stdout.endswith('ran: -m pytest -k dark\n')


def test_stack_b_lies_beside_stack_a_and_has_its_own_wheel_cache(machine: Machine) -> None:
    result = machine.run('--stack', 'b', '-x', script='run_tests.sh')
    assert result.stdout.endswith('ran: -m pytest -x\n')
    assert (machine.repository / '.venv-b' / 'bin' / 'python').exists()
    mmcv = [call for call in machine.take_calls() if 'mmcv==' in call]
    assert len(mmcv) == 1 and '--cache-dir /nowhere/pip/mmpose_ext-torch2.1.2' in mmcv[0]


def test_unknown_stack_is_named(machine: Machine) -> None:
    result = machine.run('--stack', 'c')
    assert result.returncode == 2 and "--stack must be a or b, got 'c'" in result.stderr


def test_a_failed_step_is_continued_not_repeated(machine: Machine) -> None:
    says = 'ERROR: something unforeseen'
    result = machine.run(FAKE_FAIL_ON='stack-a.txt', FAKE_SAYS=says)
    assert result.returncode == 1
    assert says in result.stderr and 'logs/stack.log' in result.stderr
    assert 'continues where it stopped' in result.stderr
    machine.take_calls()

    result = machine.run()
    assert result.returncode == 0
    calls = machine.take_calls()
    assert '[4/9]' in result.stdout and '[3/9]' not in result.stdout
    assert any('stack-a.txt' in call for call in calls) and not any('build.txt' in call for call in calls)


@pytest.mark.parametrize(
    ('failing', 'title', 'endless'),
    [('stack-a.txt', 'torch==', 'dev.txt'), ('xtcocotools==', 'xtcocotools==', 'mmcv==')],
)
def test_a_failure_ends_the_steps_beside_it(machine: Machine, failing: str, title: str, endless: str) -> None:
    """The other step would sleep for longer than the test may take."""
    result = machine.run(FAKE_FAIL_ON=failing, FAKE_SAYS='ERROR: no', FAKE_SLEEP_ON=endless)
    assert result.returncode == 1
    assert result.stderr.count('FAILED: ') == 1 and f'FAILED: {title}' in result.stderr
    assert not (machine.repository / '.venv' / 'stamps' / 'ready').exists()


def test_the_seconds_of_each_step_are_told_at_the_end(machine: Machine) -> None:
    lines = machine.run().stdout.splitlines()
    summary = lines[lines.index('Where the time went (wall clock, processor time):') + 1 : -1]
    assert len(summary) == 9 and all(re.match(r' +\d+ s +\d+ s  \S', line) for line in summary)
    assert 'torch==2.11.0' in summary[3] and lines[-1].startswith('Environment ready after ')


def test_a_changed_pin_is_installed_again_with_what_is_compiled_against_it(machine: Machine) -> None:
    machine.run()
    machine.take_calls()
    pins = machine.repository / 'requirements' / 'pinned' / 'stack-a.txt'
    pins.write_text(pins.read_text().replace('torch==2.11.0', 'torch==2.11.1'))
    assert machine.run().returncode == 0
    first, *others = machine.take_calls()
    assert 'stack-a.txt' in first
    assert len(others) == 2 and all(any(name in call for call in others) for name in ('mmcv==', 'xtcocotools=='))


def test_a_killed_creation_of_the_environment_is_repaired(machine: Machine) -> None:
    stamps = machine.repository / '.venv' / 'stamps'
    stamps.mkdir(parents=True)
    leftover = machine.repository / '.venv' / 'lib' / 'half'
    leftover.mkdir(parents=True)
    assert machine.run().returncode == 0
    assert not leftover.exists()


def test_a_moved_repository_gets_a_new_environment(machine: Machine, tmp_path: Path) -> None:
    machine.run()
    machine.take_calls()
    machine.repository = machine.repository.rename(tmp_path / 'moved')
    assert '[1/9]' in machine.run().stdout
    assert len(machine.take_calls()) == 7


def test_an_environment_that_is_not_ours_is_never_deleted(machine: Machine) -> None:
    precious = machine.repository / '.venv' / 'precious'
    precious.parent.mkdir(parents=True)
    precious.touch()
    result = machine.run()
    assert result.returncode == 1
    assert 'was not made by this script' in result.stderr and 'Remove or rename' in result.stderr
    assert precious.exists()


def test_a_stale_wheel_in_pips_cache_is_compiled_anew(machine: Machine) -> None:
    assert machine.run(FAKE_STALE_WHEEL='1').returncode == 0
    mmcv = [call for call in machine.take_calls() if 'mmcv==' in call]
    assert len(mmcv) == 2
    assert '--cache-dir' not in mmcv[0] and '--cache-dir /nowhere/pip/mmpose_ext-torch2.11.0' in mmcv[1]


def test_candidates_that_do_not_run_are_passed_over(machine: Machine) -> None:
    machine.add_python('python3.12', 'none')
    result = machine.run()
    assert result.returncode == 0 and 'Python 3.11.7' in result.stdout


@pytest.mark.parametrize(
    ('pythons', 'wanted'),
    [
        ({}, 'nothing else'),
        ({'python3': '3.14.0'}, 'python3 (3.14.0)'),
        ({'python3.10': 'none', 'python3': '3.9.18'}, 'python3.10 (does not run), python3 (3.9.18)'),
    ],
)
def test_no_python_in_range(machine: Machine, pythons: dict[str, str], wanted: str) -> None:
    machine.remove('python3')
    for name, version in pythons.items():
        machine.add_python(name, version)
    result = machine.run()
    assert result.returncode == 1
    assert 'No Python in range' in result.stderr and '3.10 3.11 3.12 3.13' in result.stderr
    assert wanted in result.stderr and 'PYTHON=' in result.stderr


def test_a_python_that_was_asked_for_is_not_replaced_in_silence(machine: Machine) -> None:
    result = machine.run(PYTHON='/opt/python9')
    assert result.returncode == 1 and '/opt/python9 (not found)' in result.stderr


@pytest.mark.parametrize(
    ('env', 'compiler', 'wanted', 'advice'),
    [
        ({}, None, "No C++ compiler: 'c++'", 'apt install g++'),
        ({}, 'exit 1', 'cannot compile C++17', 'g++ 9'),
        ({'FAKE_INCLUDE': '/nowhere'}, 'exit 0', 'no Python.h in /nowhere', 'python3.11-dev'),
        ({'FAKE_NO_ENSUREPIP': '1'}, 'exit 0', 'no ensurepip', 'python3.11-venv'),
        ({'FAKE_FREE_KB': '2097152'}, 'exit 0', '2048 MB are free', 'Make room'),
    ],
)
def test_what_the_machine_lacks_is_said_before_anything_is_installed(
    machine: Machine, env: dict[str, str], compiler: str | None, wanted: str, advice: str
) -> None:
    machine.remove('c++')
    if compiler is not None:
        machine.add('c++', compiler)
    result = machine.run(**env)
    assert result.returncode == 1
    assert wanted in result.stderr and advice in result.stderr
    assert machine.take_calls() == [] and not (machine.repository / '.venv').exists()


@pytest.mark.parametrize(
    ('says', 'wanted'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ('NewConnectionError: [Errno 111] Connection refused', 'the package index cannot be reached'),
        ('g++: fatal error: Killed signal terminated program cc1plus', 'MAX_JOBS=1'),
        ('ERROR: No matching distribution found for torch==2.11.0', 'lacks this version'),
    ],
)
def test_the_reason_of_a_failed_step_is_explained(machine: Machine, says: str, wanted: str) -> None:
    result = machine.run(FAKE_FAIL_ON='stack-a.txt', FAKE_SAYS=says)
    assert result.returncode == 1 and wanted in result.stderr
    assert 'FAILED: torch==2.11.0' in result.stderr


@pytest.mark.parametrize(
    ('macros', 'said', 'precompiled'),
    [
        ('__GNUC__ 9', "GCC 9 reads torch's headers once", True),
        ('__GNUC__ 14', "GCC 14 reads torch's headers once", True),
        ('__GNUC__ 8', 'GCC 8 is older than GCC 9', False),
        ('__GNUC__ 4, __clang_major__ 14', 'clang 14 is not GCC', False),
        ('__EDG__ 1', "'c++' is not GCC", False),
    ],
)
def test_the_compiler_decides_how_mmcv_is_compiled(machine: Machine, macros: str, said: str, precompiled: bool) -> None:
    machine.add_compiler(macros)
    result = machine.run()
    assert result.returncode == 0 and said in result.stdout
    (mmcv,) = (call for call in machine.take_calls() if 'mmcv==' in call)
    assert '-g0' in mmcv and '-O2' in mmcv and '-DNDEBUG' in mmcv
    assert ('CXX=precompiled_cxx.sh' in mmcv) == precompiled
    assert ('without a precompiled header' in result.stdout) != precompiled


def test_without_flock_mmcv_is_compiled_the_plain_way(machine: Machine) -> None:
    machine.remove('flock')
    result = machine.run()
    assert result.returncode == 0 and 'because the command flock is missing' in result.stdout


def test_the_users_compiler_and_flags_are_used(machine: Machine) -> None:
    machine.add_compiler('__GNUC__ 4, __clang_major__ 19', name='clang++-19')
    assert 'clang 19 is not GCC' in machine.run(CXX='clang++-19', CFLAGS='-O1').stdout
    calls = [call for call in machine.take_calls() if 'mmcv==' in call or 'xtcocotools==' in call]
    assert len(calls) == 2 and all('CXX=clang++-19' in call and call.endswith(' -O1') for call in calls)


@pytest.mark.parametrize(('version', 'helped'), [('3.12.1', False), ('3.13.0', True)])
def test_python_3_13_is_helped_to_build_mmcv_and_xtcocotools(machine: Machine, version: str, helped: bool) -> None:
    machine.add_python('python3', version)
    assert machine.run().returncode == 0
    calls = [call for call in machine.take_calls() if 'PYTHONPATH=/' in call]
    assert len(calls) == 2 * helped and all('tools/env/python313' in call for call in calls)
    assert [any(name in call for call in calls) for name in ('mmcv==', 'xtcocotools==')] == [helped, helped]


def test_exec_in_a_function_changes_what_locals_shows_there() -> None:
    """As in the setup.py of mmcv and xtcocotools, which Python 3.13 could not run otherwise."""
    program = "def version():\n    exec('number = 7')\n    return locals()['number']\nprint(version())"
    env = os.environ | {'PYTHONPATH': str(ROOT / 'tools' / 'env' / 'python313')}
    result = subprocess.run([sys.executable, '-c', program], env=env, capture_output=True, text=True, check=True)
    assert result.stdout == '7\n'


def test_every_script_parses() -> None:
    scripts = [*ROOT.glob('tools/**/*.sh'), ROOT / '.ci' / 'run']
    assert len(scripts) >= 6
    for script in scripts:
        subprocess.run(['bash', '-n', str(script)], check=True)
        assert os.access(script, os.X_OK) or script.parent.name == 'env', f'{script} is not executable'
