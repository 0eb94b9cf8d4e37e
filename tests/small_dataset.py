"""A dataset of a few images, a config for it, and a way to run the programs in tools/."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpose.apis import init_model
from warm_python import WarmPython

from mmpose_ext import config_path

ROOT = Path(__file__).resolve().parents[1]

CONFIG = """
_base_ = '{base}'

data_root = '{root}/'
small = dict(num_workers=0, persistent_workers=False, batch_size=2)
train_dataloader = dict(dataset=dict(data_root=data_root), **small)
val_dataloader = dict(dataset=dict(data_root=data_root), **small)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val.json')
test_evaluator = val_evaluator

model = dict(head=dict(deconv_out_channels=(8, 8, 8)))
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
randomness = dict(seed=0)
"""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks gain nothing by more threads, and on a busy machine they lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images for training and the same for validation, one labeled person each, in COCO's format."""
    root = tmp_path_factory.mktemp('tiny')
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, 5):
        image = rng.integers(0, 256, (160, 120, 3), dtype=np.uint8)
        points = rng.uniform((20, 20), (100, 140), (17, 2))
        for part in ('train', 'val'):
            (root / part).mkdir(exist_ok=True)
            cv2.imwrite(str(root / part / f'{number}.png'), image)
        images.append(dict(id=number, file_name=f'{number}.png', width=120, height=160))
        keypoints = np.column_stack([points, np.full(17, 2)]).ravel().tolist()
        annotations.append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                iscrowd=0,
                num_keypoints=17,
                bbox=[10, 10, 100, 140],
                area=100 * 140,
                keypoints=keypoints,
            )
        )
    text = json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')]))
    (root / 'annotations').mkdir()
    for part in ('train', 'val'):
        (root / 'annotations' / f'person_keypoints_{part}.json').write_text(text)
    return root


@pytest.fixture(scope='session')
def write_config(tiny_data: Path) -> Callable[[Path], Path]:
    """Write a user's config into a folder: our quick start's, on the tiny dataset."""

    def write(folder: Path) -> Path:
        path = folder / 'tiny.py'
        base = config_path('dark/dark_res18_1xb32-10e_synthetic-128x96')
        path.write_text(CONFIG.format(base=base, root=tiny_data.as_posix()))
        return path

    return write


def with_weights(config: Path) -> tuple[str, str]:
    """A config, and a checkpoint of its network that answers differently everywhere."""
    torch.manual_seed(0)  # before the network is built: the same weights whichever test asks first
    with DefaultScope.overwrite_default_scope('mmpose'):  # or init_model sets it for the rest of the process
        model = init_model(str(config), None, device='cpu')
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    torch.save(dict(state_dict=model.state_dict()), config.with_name('model.pth'))
    return str(config), str(config.with_name('model.pth'))


@pytest.fixture(scope='session')
def trained(write_config: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A config of the tiny dataset, and a checkpoint for it."""
    return with_weights(write_config(tmp_path_factory.mktemp('model')))


@pytest.fixture
def tiny_config(write_config: Callable[[Path], Path], tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture(scope='session')
def run_in(warm_python: WarmPython) -> Callable[..., str]:
    """Run a program in a folder as a user does; returns what it printed. ``PYTHON`` is another interpreter for it."""

    def run(folder: Path, program: Path | str, *arguments: object, **environment: str) -> str:
        program = ROOT / program
        environment.setdefault('PYTHON', warm_python.executable)
        command = ['bash'] if program.suffix == '.sh' else [environment['PYTHON'], '-W', 'ignore']
        variables = dict(
            os.environ,
            PYTHONPATH=f'{ROOT}{os.pathsep}{folder}',
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
        )
        result = subprocess.run(
            [*command, str(program), *map(str, arguments)],
            cwd=folder,
            env=variables | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout[-4000:]
        return result.stdout

    return run


@pytest.fixture
def run_tool(run_in: Callable[..., str], tmp_path: Path) -> Callable[..., str]:
    """Run a program in the test's own folder."""
    return partial(run_in, tmp_path)
