"""Fixtures of all tests: fixed seeds, MMPose's default scope, reference data beside the repository."""

import ast
import functools
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

# before torch is loaded: two threads add in another order from run to run, and tests compare bit by bit
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

sys.path.insert(0, str(Path(__file__).parent))  # for helpers.py: tests are files, not a package

pytest_plugins = ['small_dataset']

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'cuda: needs a CUDA device, skipped by name without one')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if 'cuda' in item.keywords:
            item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))


@functools.cache
def _formatted(text: str, options: str, format_code: Callable[..., tuple[str, bool]]) -> tuple[str, bool]:
    return format_code(text, **ast.literal_eval(options))


@pytest.fixture(autouse=True, scope='session')
def _a_config_is_formatted_once() -> Iterator[None]:
    """MMEngine formats a config's text for each log and each checkpoint, which takes half of a tiny training."""
    module = sys.modules['mmengine.config.config']
    format_code = module.FormatCode
    module.FormatCode = lambda text, **options: _formatted(text, repr(options), format_code)
    yield
    module.FormatCode = format_code


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    np.random.seed(0)  # noqa: NPY002 (MMPose's transforms draw from the global generator)
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope='module')
def _each_file_starts_without_a_scope() -> None:
    """MMEngine's runners and MMPose's init_model set the default scope of the whole process."""
    DefaultScope._instance_dict = OrderedDict()  # overwrite_default_scope replaces it too, so clearing it is not enough


@pytest.fixture
def mmpose_scope() -> Iterator[None]:
    """The scope of the configs: names without a prefix are MMPose's, ours carry theirs."""
    from mmpose.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture
def reference() -> Callable[[str], dict[str, np.ndarray]]:
    """Arrays that the official implementations computed, by the name of the file."""

    def load(name: str) -> dict[str, np.ndarray]:
        path = SHARED / 'reference' / f'{name}.npz'
        if not path.exists():
            pytest.skip(f'reference arrays not found: ../shared/reference/{name}.npz')
        with np.load(path) as arrays:
            return dict(arrays)

    return load


@pytest.fixture
def sample_images() -> Callable[[str], Path]:
    """Folder with a few real images of a dataset and their annotations."""

    def find(name: str) -> Path:
        path = SHARED / 'data' / name
        if not path.is_dir():
            pytest.skip(f'sample images not found: ../shared/data/{name}')
        return path

    return find
