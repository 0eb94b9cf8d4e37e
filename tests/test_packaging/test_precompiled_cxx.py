"""The compiler that mmcv is compiled with: one precompiled header per set of flags, never one that is not used."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'tools' / 'env' / 'precompiled_cxx.sh'
HEADER = '#pragma once\n#include <vector>\ninline int answer() { return 42; }\n'
SOURCE = '#include <torch/types.h>\nint NAME() { return answer(); }\n'


def is_gcc(compiler: str) -> bool:
    if shutil.which(compiler) is None or shutil.which('flock') is None:
        return False
    command = [compiler, '-dM', '-E', '-x', 'c++', os.devnull]
    macros = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return '__GNUC__' in macros and '__clang__' not in macros


class Build:
    """Two source files that include a stand-in for torch's header, as ninja would compile them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.headers = folder / 'headers'
        (folder / 'include dir' / 'torch').mkdir(parents=True)
        (folder / 'include dir' / 'torch' / 'types.h').write_text(HEADER)
        self.headers.mkdir()
        for name in ('first', 'second'):
            (folder / f'{name}.cpp').write_text(SOURCE.replace('NAME', name))

    def start(self, name: str, *flags: str, compiler: str = 'c++') -> 'subprocess.Popen[str]':
        arguments = ['-MMD', '-MF', f'{name}.o.d', *flags, '-I', 'include dir', '-c', '-c', f'{name}.cpp']
        return subprocess.Popen(
            ['bash', str(SCRIPT), *arguments, '-o', f'{name}.o'],
            cwd=self.folder,
            env=os.environ | {'REAL_CXX': compiler, 'HEADER_FOLDER': str(self.headers)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def result(self) -> str:
        return (self.headers / 'result').read_text().strip()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


needs_gcc = pytest.mark.skipif(not is_gcc('c++'), reason='c++ is not GCC, or flock is missing')


@needs_gcc
def test_two_compilers_at_a_time_share_one_precompiled_header(build: Build) -> None:
    running = [build.start(name, '-O2', '-H') for name in ('first', 'second')]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    (precompiled,) = build.headers.rglob('*.gch')
    assert build.result() == 'precompiled'
    assert all(f'! {precompiled}' in output for output in outputs)  # GCC's mark of a precompiled header in use
    assert (build.folder / 'first.o').exists() and (build.folder / 'second.o.d').exists()


@needs_gcc
def test_other_flags_get_a_header_of_their_own(build: Build) -> None:
    for flag in ('-O0', '-O2'):
        process = build.start('first', flag, '-H')
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and '! ' in output
    assert len(list(build.headers.rglob('*.gch'))) == 2


@pytest.mark.parametrize('flaw', ['fails', 'makes a header that it does not read'])
def test_a_compiler_that_refuses_the_header_compiles_without_it(build: Build, flaw: str) -> None:
    compiler = build.folder / 'compiler'
    makes = 'exit 1' if flaw == 'fails' else 'for last; do :; done; touch "$last"; exit 0'
    compiler.write_text(f'#!/usr/bin/env bash\ncase "$*" in *c++-header*) {makes} ;; *) echo "ran: $*" ;; esac\n')
    compiler.chmod(0o755)
    process = build.start('first', '-O2', compiler=str(compiler))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and build.result() == 'refused'
    assert output == 'ran: -MMD -MF first.o.d -O2 -I include dir -c -c first.cpp -o first.o\n'
    assert not list(build.headers.rglob('*.gch'))


def test_what_is_not_a_compilation_goes_to_the_compiler_unchanged(build: Build) -> None:
    command = ['bash', str(SCRIPT), '-shared', 'a.o', '-o', 'lib.so']
    env = os.environ | {'REAL_CXX': 'echo linked', 'HEADER_FOLDER': str(build.headers)}
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert result.stdout == 'linked -shared a.o -o lib.so\n'
    assert not list(build.headers.iterdir())
