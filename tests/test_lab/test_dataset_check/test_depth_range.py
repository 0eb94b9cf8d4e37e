"""check_dataset on data with depth: both strategies, Human3.6M's layout, and faults of depth."""

import json
import re

import numpy as np
import pytest
from depth_samples import write_people
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from mmpose_ext import config_path
from mmpose_ext.lab.dataset_check import check_dataset, has_errors
from mmpose_ext.lab.dataset_check.depth_range import check_depths

HEAD = (
    "head=dict(_delete_=True, type='mmpose_ext.RegressionHead', in_channels=256, num_joints=17, dim=3,\n"
    "decoder=dict(type='mmpose_ext.RegressionLabel', input_size=({0}, {1}), depth_range=2000.0))"
)


def write_config(folder, base, size, more=''):
    bases = [config_path(f'_base_/{name}') for name in ('models/res18-small', 'default_runtime', f'datasets/{base}')]
    path = folder / 'config.py'
    path.write_text(
        f'_base_ = {bases}\nmodel = dict({HEAD.format(*size)})\n{more}'
        'val_dataloader = dict(num_workers=0, persistent_workers=False)\ntest_dataloader = val_dataloader\n'
    )
    return str(path)


def found(findings, check):
    return [(one.level, one.what) for one in findings if one.check == check]


@pytest.mark.parametrize('mixed', ['', '-2d'])
def test_synthetic_people(tmp_path, monkeypatch, mixed):
    monkeypatch.setenv('SYNTHETIC_ROOT', str(tmp_path))
    write_people(tmp_path, 12)
    few = "{**_base_.few, 'indices': 4}"
    sets = f"[{few}, {{**_base_.many, 'indices': range(4, 12)}}]" if mixed else f'[{few}], sample_ratio_factor=[3]'
    more = f'train_dataloader = dict(dataset=dict(datasets={sets}))\n'
    config = write_config(tmp_path, f'topdown_synthetic3d{mixed}', (64, 64), more)
    findings = check_dataset(config, samples=12)
    assert not has_errors(findings), findings
    ((level, what),) = found(findings, 'depth')
    assert level == 'info'
    assert what.startswith(f'{4 if mixed else 12} of 12 people have joints with a depth')
    ((_, loss),) = found(findings, 'loss')
    assert 'nan' not in loss


def test_files_without_depth_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv('SYNTHETIC_ROOT', str(tmp_path))
    write_people(tmp_path, 4)
    path = tmp_path / 'annotations' / 'person_keypoints_train.json'
    content = json.loads(path.read_text())
    for person in content['annotations']:
        del person['keypoints_3d']
    path.write_text(json.dumps(content))
    findings = check_dataset(write_config(tmp_path, 'topdown_synthetic3d', (64, 64)), samples=4)
    assert has_errors(findings)
    assert any('has no keypoints_3d' in what for level, what in found(findings, 'dataset') if level == 'error')


def test_human36m_frames_with_mpii(sample_images, tmp_path):
    h36m = dict(ann_file='test_h36m_body3d.npz', camera_file='cameras.pkl', data_prefix=dict(img=''))
    h36m |= dict(data_root=str(sample_images('h36m')))
    mpii = dict(ann_file='test_mpii.json', data_root=str(sample_images('mpii')), data_prefix=dict(img=''))
    more = (
        f'train_dataloader = dict(dataset=dict(datasets=[{{**_base_.h36m, **{h36m}}}, {{**_base_.mpii, **{mpii}}}]))\n'
        f'val_dataloader = dict(dataset=dict(**{h36m}, frame_step=1), num_workers=0, persistent_workers=False)\n'
    )
    config = write_config(tmp_path, 'topdown_h36m-mpii', (256, 256), more)
    config_text = (
        (tmp_path / 'config.py')
        .read_text()
        .replace('val_dataloader = dict(num_workers=0, persistent_workers=False)\n', '')
    )
    (tmp_path / 'config.py').write_text(config_text)
    findings = check_dataset(config, samples=9)
    # the frames are the same in both
    assert {one.check for one in findings if one.level in ('warning', 'error')} == {'overlap'}, findings
    ((_, what),) = found(findings, 'depth')
    assert what.startswith('4 of 9 people have joints with a depth')


def items_with(depths):
    items = []
    for values in depths:
        sample = PoseDataSample()
        points = np.zeros((1, len(values), 2 if values[0] is None else 3))
        if values[0] is not None:
            points[0, :, 2] = values
        visible = np.ones((1, len(values)))
        sample.gt_instances = InstanceData(transformed_keypoints=points, keypoints_visible=visible)
        items.append(dict(data_samples=sample))
    return items


@pytest.mark.parametrize(
    ('depths', 'depth_range', 'level', 'text'),
    [
        ([[0, 900], [np.nan, np.nan]], 2000.0, 'info', '1 of 2 people .* 0 to 900 mm .*; 0% of their joints'),
        ([[0, 0.9], [0.3, -0.4]], 1.0, 'warning', '25% of their joints are beyond the depth_range of 1 mm'),
        ([[0, 900]], None, 'warning', 'the codec has no depth_range and leaves it out'),
        ([[np.nan, np.nan]], 2000.0, 'error', 'no joint of 1 people has one'),
        ([[None, None]], 2000.0, 'error', 'no joint of 1 people has one'),
    ],
)
def test_depths_by_hand(depths, depth_range, level, text):
    (finding,) = check_depths(items_with(depths), depth_range)
    assert finding.level == level
    assert re.search(text, finding.what)


def test_without_depth_there_is_nothing_to_say():
    assert check_depths(items_with([[None, None]]), None) == []
