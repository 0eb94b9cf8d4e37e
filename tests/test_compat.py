import copy
import io
import os
import pickle
import re

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.checkpoint import load_checkpoint
from torch import nn
from torch.utils.data import DataLoader

from mmpose_ext import compat
from mmpose_ext.compat import allow_mmengine_checkpoints, check_versions, torch_at_least

SAFE_LOADER = torch_at_least('2.6.0')
needs_safe_loader = pytest.mark.skipif(not SAFE_LOADER, reason='torch < 2.6 loads checkpoints without its safe loader')


# ---------------------------------------------------------------------------------------------
# versions


def test_these_versions_are_supported():
    check_versions()


@pytest.mark.parametrize(
    ('name', 'version'),
    [
        ('torch', '2.1.0'),
        ('torch', '2.1.2+cpu'),
        ('torch', '2.11.0+cu128'),
        ('mmcv', '2.1.0'),
        ('mmpose', '1.3.2'),
        ('mmengine', '0.10.7'),
    ],
)
def test_supported(name, version):
    check_versions({name: version})


@pytest.mark.parametrize(
    ('name', 'version', 'allowed'),
    [
        ('torch', '2.0.1', '>=2.1.0,<3.0.0'),
        ('torch', '1.13.1+cu117', '>=2.1.0,<3.0.0'),
        ('torch', '3.0.0', '>=2.1.0,<3.0.0'),
        ('mmengine', '0.10.3', '>=0.10.4,<0.11.0'),
        ('mmengine', '0.11.0', '>=0.10.4,<0.11.0'),
        ('mmcv', '2.0.1', '>=2.1.0,<2.2.0'),
        ('mmcv', '2.2.0+cpu', '>=2.1.0,<2.2.0'),
        ('mmpose', '0.29.0', '>=1.3.0,<1.4.0'),
        ('mmpose', '1.4.0', '>=1.3.0,<1.4.0'),
    ],
)
def test_other_versions_are_named_with_what_is_allowed(name, version, allowed):
    with pytest.raises(ImportError, match=re.escape(f'mmpose_ext needs {name}{allowed}, found {name} {version}')):
        check_versions({'mmpose': '1.3.2', name: version})


def test_the_imported_packages_are_looked_at(monkeypatch):
    monkeypatch.setattr(compat.mmpose, '__version__', '1.9.0')
    with pytest.raises(ImportError, match=r'found mmpose 1\.9\.0'):
        check_versions()


# ---------------------------------------------------------------------------------------------
# mmengine's checkpoints


class Line(BaseModel):
    """A line fitted to points, with a batch norm so that there are buffers too."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    def forward(self, x, y, mode='tensor'):
        output = self.layers(x)
        return dict(loss=(output - y).square().mean()) if mode == 'loss' else output


def make_runner(work_dir, epochs, **change):
    torch.manual_seed(0)
    model = Line()
    x = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
    data = [dict(x=point, y=point.sum(0, keepdim=True)) for point in x]
    return Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader=DataLoader(data, batch_size=4, sampler=DefaultSampler(data, shuffle=True, seed=0)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.05)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1], gamma=0.5),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=2), checkpoint=dict(type='CheckpointHook', interval=1)
        ),
        default_scope='mmengine',
        experiment_name=f'{work_dir.name}-{epochs}-{len(change)}',
        log_level='ERROR',
        randomness=dict(seed=0),
        **change,
    )


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A checkpoint of mmengine's after the first epoch, and the weights after two epochs in one go."""
    straight = make_runner(tmp_path_factory.mktemp('straight'), epochs=2)
    straight.train()
    return f'{straight.work_dir}/epoch_1.pth', copy.deepcopy(straight.model.state_dict())


def test_message_hub_is_in_the_checkpoint(checkpoint):
    loaded = load_checkpoint(Line(), checkpoint[0])
    scalars = loaded['message_hub']['log_scalars']
    assert isinstance(scalars['train/loss'], HistoryBuffer)
    assert np.isfinite(scalars['train/loss'].mean())
    assert {'state_dict', 'optimizer', 'param_schedulers', 'meta'} <= loaded.keys()


def test_training_resumes_as_if_it_had_not_stopped(checkpoint, tmp_path):
    path, expected = checkpoint
    resumed = make_runner(tmp_path, epochs=2, load_from=path, resume=True)
    resumed.train()
    assert resumed.epoch == 2
    assert resumed.iter == 12
    found = resumed.model.state_dict()
    assert found.keys() == expected.keys()
    assert all((found[name] == expected[name]).all() for name in expected)
    start = load_checkpoint(Line(), path)['state_dict']
    assert any((found[name] != start[name]).any() for name in start), 'the second epoch must change something'


@needs_safe_loader
def test_without_the_allow_list_torch_refuses_it(checkpoint):
    """So the tests above pass because of the list."""
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        with pytest.raises(pickle.UnpicklingError):
            torch.load(checkpoint[0])
    finally:
        torch.serialization.add_safe_globals(allowed)
    torch.load(checkpoint[0])


def test_allowing_twice_does_no_harm(checkpoint):
    allow_mmengine_checkpoints()
    allow_mmengine_checkpoints()
    torch.load(checkpoint[0])


@pytest.mark.parametrize(
    'value',
    [
        np.zeros((0, 2)),  # in the meta information of FreiHAND
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([True, False]),
        np.float32(1.5),
        np.int64(3),
        HistoryBuffer(),
        HistoryBuffer([1.0, 2.0], [1, 1]),
    ],
    ids=['empty', 'float32', 'bool', 'float scalar', 'int scalar', 'new buffer', 'buffer'],
)
def test_what_checkpoints_hold(value):
    file = io.BytesIO()
    torch.save(dict(meta=value), file)
    file.seek(0)
    loaded = torch.load(file)['meta']
    assert type(loaded) is type(value)
    if isinstance(value, HistoryBuffer):
        loaded, value = np.array(loaded.data), np.array(value.data)
    np.testing.assert_array_equal(loaded, value)
    assert loaded.dtype == value.dtype


class Call:
    """Pickles as a call that is made where it is read."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def checkpoint_with(call):
    """A checkpoint like mmengine's that makes a call, as bytes."""
    file = io.BytesIO()
    torch.save(dict(state_dict=Line().state_dict(), message_hub=dict(log_scalars=call)), file)
    return file.getvalue()


@needs_safe_loader
@pytest.mark.parametrize(
    'call',
    [
        lambda marker: Call(os.system, f'echo run > {marker}'),
        lambda marker: Call(eval, f"open({str(marker)!r}, 'w').write('run')"),
        lambda marker: Call(open, str(marker), 'w'),
        lambda marker: Call(os.mkdir, str(marker)),
    ],
    ids=['os.system', 'eval', 'open', 'os.mkdir'],
)
def test_a_call_of_anything_else_is_refused_and_not_made(call, tmp_path):
    marker = tmp_path / 'marker'
    evil = checkpoint_with(call(marker))
    path = tmp_path / 'evil.pth'
    path.write_bytes(evil)
    with pytest.raises(pickle.UnpicklingError):
        load_checkpoint(Line(), str(path))
    assert not marker.exists()
    # the file is what it claims to be: the unsafe loader makes the call
    torch.load(io.BytesIO(evil), weights_only=False)
    assert marker.exists()


@needs_safe_loader
@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__subclasses__'),
        (HistoryBuffer, 'register_statistics'),
        (np.ndarray, 'tofile'),
        (np.ndarray, 'mean'),
        (Call(getattr, HistoryBuffer, 'mean'), '__globals__'),
    ],
)
def test_getattr_of_anything_else_is_refused(owner, name, protocol):
    file = io.BytesIO()
    torch.save(dict(evil=Call(getattr, owner, name)), file, pickle_protocol=protocol)
    file.seek(0)
    with pytest.raises((ValueError, pickle.UnpicklingError), match=r'refused|Weights only load failed'):
        torch.load(file)


@needs_safe_loader
@pytest.mark.parametrize('name', ['min', 'max', 'mean', 'current'])
def test_getattr_of_the_statistics_is_taken(name):
    file = io.BytesIO()
    torch.save(dict(statistic=Call(getattr, HistoryBuffer, name)), file)
    file.seek(0)
    assert torch.load(file)['statistic'] is getattr(HistoryBuffer, name)
