"""Drawings of 3D skeletons: what is drawn where, and the tool from a config and a checkpoint."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from depth_samples import write_people
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, MODELS

from mmpose_ext import config_path
from mmpose_ext.lab.visualization.browse import browse
from mmpose_ext.lab.visualization.dataset_skeleton import skeleton_of
from mmpose_ext.lab.visualization.draw_3d import draw_3d, draw_person

pytestmark = pytest.mark.usefixtures('mmpose_scope')
ROOT = Path(__file__).resolve().parents[3]
HIPS = [11, 12]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv('SYNTHETIC_ROOT', str(tmp_path))
    write_people(tmp_path, 4)
    return tmp_path


def small_config(folder):
    """Few people, and a head that regresses their joints from a small network."""
    config = folder / 'small.py'
    bases = [
        config_path(f'_base_/{name}')
        for name in ('models/res18-small', 'default_runtime', 'datasets/topdown_synthetic3d')
    ]
    config.write_text(
        f'_base_ = {bases}\n'
        "model = dict(head=dict(_delete_=True, type='mmpose_ext.RegressionHead', in_channels=256, num_joints=17,\n"
        "    dim=3, decoder=dict(type='mmpose_ext.RegressionLabel', input_size=(64, 64), depth_range=2000.0)))\n"
        'train_dataloader = dict(num_workers=0, persistent_workers=False)\n'
        'val_dataloader = dict(num_workers=0, persistent_workers=False)\n'
        'test_dataloader = val_dataloader\n'
    )
    return config


def test_skeletons_are_where_they_belong(folder, monkeypatch):
    """The first person's 16 labeled joints: pixels of the crop, millimeters from the hips, axes of one scale."""
    cfg = Config.fromfile(small_config(folder))
    item = DATASETS.build(cfg.val_dataloader.dataset)[0]
    sample = item['data_samples']
    predicted = np.nan_to_num(sample.gt_instances.keypoints) + np.array([0, 0, 50.0])
    sample.pred_instances = InstanceData(keypoints=predicted)
    kept = []
    monkeypatch.setattr(Figure, 'savefig', lambda figure, *_, **__: kept.append(figure))
    draw_person(np.zeros((128, 96, 3), np.uint8), sample, skeleton_of(cfg), HIPS, folder / 'a.png')
    crop, side, true, space = kept[0].axes
    truth = sample.raw_ann_info['keypoints_cam']
    rays = truth[:, :2] / truth[:, 2:]  # on which 50 mm of depth move a joint
    error = np.nanmean(50 * np.linalg.norm(rays - rays[HIPS].mean(0), axis=1))
    assert kept[0].get_suptitle().startswith(f'MPJPE {error:.0f} mm, PA-MPJPE ')

    size, center, scale = (np.array(sample.metainfo[f'input_{name}']) for name in ('size', 'center', 'scale'))
    pixels = (sample.gt_instances.keypoints[0, :, :2] - center + scale / 2) * size / scale
    hidden = int(np.flatnonzero(sample.gt_instances.keypoints_visible[0] == 0)[0])
    links = [link for link in skeleton_of(cfg).links if hidden not in link]
    white = [line.get_xydata() for line in crop.lines if line.get_color() == 'white']
    np.testing.assert_allclose(white, pixels[links], atol=1e-3)
    assert len(crop.lines) == 2 * len(links)

    truth = truth - truth[HIPS].mean(0)
    gray = [line.get_xydata() for line in side.lines[: len(links)]]
    np.testing.assert_allclose(gray, np.stack([truth[:, 2], -truth[:, 1]], -1)[links], atol=1e-6)
    drawn = [np.array(line.get_data_3d()).T for line in true.lines[: len(links)]]
    np.testing.assert_allclose(drawn, np.stack([truth[:, 0], truth[:, 2], -truth[:, 1]], -1)[links], atol=1e-6)
    assert side.get_aspect() == 1
    for axes in (true, space):
        lengths = [np.ptp(limits) for limits in (axes.get_xlim(), axes.get_ylim(), axes.get_zlim())]
        np.testing.assert_allclose(lengths, lengths[0])
        assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()) == ('x, mm', 'depth, mm', 'up, mm')


def test_tool_draws_people_at_equal_distances(folder):
    config = small_config(folder)
    torch.save(MODELS.build(Config.fromfile(config).model).state_dict(), folder / 'weights.pth')
    command = [sys.executable, str(ROOT / 'tools' / 'misc' / 'draw_3d.py'), str(config), str(folder / 'weights.pth')]
    run = subprocess.run([*command, '--number', '2'], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    files = sorted((folder / 'work_dirs' / 'small' / '3d').iterdir())
    assert [file.name for file in files] == ['00000_1.png', '00003_4.png']
    assert f'2 images written to {Path("work_dirs/small/3d")}' in run.stdout
    for file in files:
        assert cv2.imread(str(file)).shape == (460, 1500, 3)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [(dict(phase='all'), "'phase' must be one of train, val, test, got 'all'"), (dict(number=0), "'number' must be 1")],
)
def test_unfit_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_3d('a.py', 'a.pth', **arguments)


def test_browse_draws_joints_with_depth(folder):
    """browse_dataset.py: the image as annotated, and the network's input."""
    config = str(small_config(folder))
    for mode in ('original', 'transformed'):
        (file,) = browse(config, str(folder / mode), phase='val', mode=mode, number=1)
        picture = cv2.imread(str(file)).astype(int)
        assert (np.ptp(picture, axis=-1) > 50).any()  # colored limbs on the uniform gray
