"""Published weights: small, safe, and the same."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmpose_ext.apis.publish import publish

# torch alone, and its safe loader
READ = """
import sys, torch
content = torch.load(sys.argv[1], weights_only=True)
assert not {'mmengine', 'mmpose', 'mmpose_ext'} & set(sys.modules)
assert all(type(value) is torch.Tensor for value in content['state_dict'].values())
print(content['meta'], *content['state_dict'])
"""


@pytest.fixture
def checkpoint(tmp_path):
    """What a training writes, in small: a view of a large tensor, an optimizer, statistics of numpy."""
    large = torch.arange(100_000.0)
    path = tmp_path / 'epoch_3.pth'
    content = dict(
        state_dict={'backbone.weight': large[:6].view(2, 3), 'head.count': torch.tensor(7)},
        optimizer=dict(state={0: dict(step=3, exp_avg=large)}),
        message_hub=dict(loss=np.arange(3)),
        meta=dict(cfg='work_dir = "/home/somebody"', seed=0),
    )
    torch.save(content, path)
    return path


def test_weights_alone(checkpoint):
    path = publish(checkpoint)
    weights = torch.load(path, weights_only=True)['state_dict']
    original = torch.load(checkpoint, weights_only=False)['state_dict']
    assert weights.keys() == original.keys()
    assert all(torch.equal(weights[name], original[name]) for name in weights)
    assert path.stat().st_size < 4000 < checkpoint.stat().st_size
    assert b'somebody' not in path.read_bytes()
    printed = subprocess.run([sys.executable, '-c', READ, str(path)], capture_output=True, text=True, check=True).stdout
    assert 'backbone.weight head.count' in printed


def test_name_depends_on_the_weights_alone(checkpoint, tmp_path):
    first = publish(checkpoint)
    content = torch.load(checkpoint, weights_only=False)
    del content['optimizer']
    torch.save(content, checkpoint)
    assert publish(checkpoint) == first
    content['state_dict']['head.count'] += 1
    torch.save(content, checkpoint)
    assert publish(checkpoint) != first
    assert first.name.startswith('epoch_3-')


def test_checkpoint_is_not_overwritten(checkpoint):
    with pytest.raises(ValueError, match="'out' must be another file"):
        publish(checkpoint, checkpoint)


def test_file_that_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / 'broken.pth').write_bytes(b'broken')
    with pytest.raises(ValueError, match=r'broken\.pth'):
        publish(tmp_path / 'broken.pth')


def test_program(run_tool, checkpoint, tmp_path):
    assert 'small.pth (0.00 MB)' in run_tool('tools/publish.py', checkpoint, '--out', tmp_path / 'small.pth')
    assert torch.load(tmp_path / 'small.pth', weights_only=True)['state_dict']['head.count'] == 7
