"""Fixtures of all tests: fixed seeds, MMPose's default scope, reference data beside the repository."""

import gc
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
from mmengine.visualization import Visualizer

sys.path.insert(0, str(Path(__file__).parent))  # for helpers.py: tests are files, not a package

pytest_plugins = ['warm_python', 'small_dataset']

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'
# Files that take longest, longest first. They start before all others: no process is alone with one of them at the end.
LONG_FILES = (
    'test_apis/test_export.py',
    'test_functional/test_export.py',
    'test_engine/test_resume.py',
    'test_packaging/test_installs.py',
    'test_lab/test_quickstart.py',
    'test_lab/test_ablation/test_ablation_run.py',
    'test_lab/test_ablation/test_ablation_kills.py',
    'test_tools/test_slurm.py',
    'test_packaging/test_setup_env.py',
    'test_configs.py',
    'test_lab/test_dataset_check/test_check_dataset.py',
    'test_lab/test_dataset_check/test_mmpose_configs.py',
    'test_datasets/test_crop_cache.py',
    'test_real_frames_3d.py',
    'test_lab/test_ablation/test_ablation.py',
    'test_lab/test_ablation/test_report.py',
    'test_apis/test_train_and_test.py',
    'test_engine/test_several_processes.py',
    'test_lab/test_calibration.py',
    'test_models/test_data_preprocessors/test_device_augmentation.py',
    'test_apis/test_predict.py',
    'test_runtime/test_without_torch.py',
    'test_imports.py',
    'test_lab/test_profiling/test_complexity.py',
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'cuda: needs a CUDA device, skipped by name without one')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {ROOT / 'tests' / name: rank for rank, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    if torch.cuda.is_available():
        return
    for item in items:
        if 'cuda' in item.keywords:
            item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))


@pytest.fixture(autouse=True, scope='session')
def _configs_are_not_formatted() -> Iterator[None]:
    """MMEngine breaks the lines of a config's text for each log and checkpoint, which takes half of a tiny training."""
    module = sys.modules['mmengine.config.config']
    format_code = module.FormatCode
    module.FormatCode = lambda text, **options: (text, True)
    yield
    module.FormatCode = format_code


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    np.random.seed(0)  # noqa: NPY002 (MMPose's transforms draw from the global generator)
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope='module')
def _garbage_is_sought_among_new_objects() -> None:
    """MMEngine collects garbage for each dataset that is built, and the imported libraries are a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope='module')
def _each_file_starts_without_a_scope() -> None:
    """MMEngine's runners and MMPose's init_model set the default scope of the whole process."""
    DefaultScope._instance_dict = OrderedDict()  # overwrite_default_scope replaces it too, so clearing it is not enough


@pytest.fixture(autouse=True)
def _each_test_starts_without_visualizers() -> None:
    """MMEngine keeps visualizers by name, and with them the folder of the first runner that used the name."""
    kinds: list[type[Visualizer]] = [Visualizer]
    while kinds:
        kind = kinds.pop()
        kind._instance_dict.clear()
        kinds += kind.__subclasses__()


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
