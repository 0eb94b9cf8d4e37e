"""docs/tutorial.md as a user follows it: its files are taken from the page, loaded, built and run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from warm_python import WarmPython

from mmpose_ext.lab.ablation import Plan, find_table, make_plan
from mmpose_ext.registry import KEYPOINT_CODECS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs/tutorial.md').read_text(encoding='utf-8')
FILES = dict(re.findall(r'```(?:python|yaml)\n# (\S+)\n(.*?)```', PAGE, re.DOTALL))
COMMANDS = [line for block in re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files in a folder that is on the path; nothing of them is left in this process."""
    for name, body in FILES.items():
        (tmp_path / name).write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop('local_mass', None)
    KEYPOINT_CODECS.module_dict.pop('LocalMass', None)


@pytest.fixture
def plan(folder: Path) -> Plan:
    return make_plan(find_table('local_mass.yaml'), 'synthetic', 1, folder / 'results')


def mass_loop(heatmap: np.ndarray) -> np.ndarray:
    """Center of mass (2,) of the 5x5 cells around the highest cell of a map (H, W), cell by cell."""
    top, left = np.unravel_index(heatmap.argmax(), heatmap.shape)
    total, moment = 0.0, np.zeros(2)
    for y in range(max(top - 2, 0), min(top + 3, heatmap.shape[0])):
        for x in range(max(left - 2, 0), min(left + 3, heatmap.shape[1])):
            total += max(heatmap[y, x], 0)
            moment += max(heatmap[y, x], 0) * np.array([x, y])
    return moment / total


def test_it_is_thirty_lines() -> None:
    assert list(FILES) == ['local_mass.py', 'local_mass_config.py', 'local_mass.yaml']
    lines = [line for body in FILES.values() for line in body.splitlines() if line]
    assert len(lines) <= 30


def test_the_row_is_planned_with_the_codec(plan: Plan) -> None:
    assert [job.name.split('_')[0] for job in plan.jobs] == ['train', 'test', 'test']
    assert plan.tests['local mass', 0].inputs == plan.tests['DARK', 0].inputs
    assert 'model.head.decoder.type=mmpose_ext.LocalMass' in plan.tests['local mass', 0].command
    assert plan.tests['local mass', 0].output != plan.tests['DARK', 0].output


def test_the_codec_decodes_in_a_model(plan: Plan, mmpose_scope: None) -> None:
    job = plan.tests['local mass', 0]
    config = Config.fromfile(job.command[2])
    config.merge_from_dict(dict(plan.table.rows[1].options))
    codec = MODELS.build(config.model).head.decoder
    assert type(codec).__name__ == 'LocalMass'
    width, height = codec.heatmap_size
    maps = np.random.default_rng(0).normal(size=(2, 17, height, width)).astype(np.float32)
    maps[0, 0, 0, 0] = maps[0, 1, -1, -1] = 9  # the highest cell in a corner
    points, scores = codec.batch_decode(torch.from_numpy(maps))
    expected = np.array([[mass_loop(heatmap) for heatmap in person] for person in maps])
    scale = np.divide(codec.input_size, codec.heatmap_size)
    # cells to pixels as everywhere here: the first one's center is pixel 0
    np.testing.assert_allclose(np.concatenate(points) / scale, expected, atol=1e-4)
    np.testing.assert_allclose(np.concatenate(scores), maps.max((2, 3)))
    alone, _ = codec.decode(maps[1])
    np.testing.assert_allclose(alone, points[1])
    for nothing in (0.0, -1.0, np.nan):
        found, scores = codec.decode(np.full((17, height, width), nothing, np.float32))
        assert not found.any() and not (scores > 0).any()


@pytest.mark.parametrize(
    ('sigma', 'share'),
    [
        pytest.param(1.0, 1 / 4, id='a peak that fits into 5x5 cells'),
        pytest.param(None, 1 / 2, id='the wider peak of the config, which they cut off'),
    ],
)
def test_it_finds_what_it_has_drawn(plan: Plan, mmpose_scope: None, sigma: float | None, share: float) -> None:
    config = Config.fromfile(plan.tests['local mass', 0].command[2])
    head = config.model.head
    head.decoder.sigma = sigma or head.decoder.sigma
    codecs = {}
    for name, options in dict(mass=dict(type='mmpose_ext.LocalMass'), argmax=dict(decoding='argmax')).items():
        codecs[name] = MODELS.build(head | dict(decoder=head.decoder | options)).decoder
    width, height = config.input_size
    joints = np.random.default_rng(0).uniform((20, 20), (width - 20, height - 20), (1, 500, 2)).astype(np.float32)
    maps = codecs['mass'].encode(joints)['heatmaps']
    errors = {name: np.abs(codec.decode(maps)[0] - joints).mean() for name, codec in codecs.items()}
    assert errors['mass'] < errors['argmax'] * share


def test_the_commands_run(folder: Path, warm_python: WarmPython) -> None:
    (folder / 'tools').symlink_to(ROOT / 'tools')
    (dry_run,) = (command for command in COMMANDS if command.endswith('--dry-run'))
    assert dry_run.removesuffix(' --dry-run') in COMMANDS
    search = f'{Path(warm_python.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    printed = subprocess.run(
        ['bash', '-c', dry_run], env=dict(os.environ, PATH=search), stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    train, dark, mass = printed.splitlines()
    assert train.startswith('python tools/train.py ')
    assert 'mmpose_ext.LocalMass' not in dark
    assert 'model.head.decoder.type=mmpose_ext.LocalMass' in mass
