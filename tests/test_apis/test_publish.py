"""Published weights: small, safe, and the same."""

import pickletools
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from mmpose_ext.apis.predict import predict
from mmpose_ext.apis.predict.pose_model import build_model
from mmpose_ext.apis.publish import publish

# torch alone, and its safe loader, which may not even find NumPy
READ = """
import sys
for name in ('numpy', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpose_ext'):
    sys.modules[name] = None
import torch
for path in sys.argv[1:]:
    content = torch.load(path, weights_only=True)
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
    half = publish(checkpoint, half=True)
    command = [sys.executable, '-W', 'ignore', '-c', READ, str(path), str(half)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count('backbone.weight head.count') == 2


def pickled_names(path):
    """What the unpickler has to look up; what is not among these is a dictionary, a text or a number."""
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith('/data.pkl')]
        operations = list(pickletools.genops(archive.read(name)))
    # torch writes pickle's protocol 2, in which each look-up holds its name
    assert 'STACK_GLOBAL' not in {operation.name for operation, _, _ in operations}
    return {value for operation, value, _ in operations if operation.name == 'GLOBAL'}


def test_nothing_but_tensors_is_pickled(checkpoint, trained):
    names = {'collections OrderedDict', 'torch._utils _rebuild_tensor_v2', 'torch FloatStorage', 'torch LongStorage'}
    assert any(name.startswith('numpy') for name in pickled_names(checkpoint))
    assert pickled_names(publish(checkpoint)) == names
    assert pickled_names(publish(trained[1])) == names
    assert pickled_names(publish(trained[1], half=True)) == names | {'torch HalfStorage'}


def test_what_is_no_tensor_is_named(tmp_path):
    torch.save({'weight': torch.ones(2), 'head._extra_state': 'sine'}, tmp_path / 'model.pth')
    with pytest.raises(ValueError, match=r"'checkpoint' must .* of tensors, got .* str under 'head\._extra_state'"):
        publish(tmp_path / 'model.pth')


def test_half_stores_what_16_bits_can_hold(tmp_path):
    """Kernels and matrices; vectors, integers, and numbers beyond the range of 16 bits stay as they are."""
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 3, 3, generator=generator)
    weights = dict(kernel=kernel, double=kernel.double(), bias=kernel[:, 0, 0, 0].clone(), steps=torch.tensor([[7, 8]]))
    weights |= dict(large=1e6 * kernel, small=1e-7 * kernel, short=kernel.bfloat16(), empty=kernel[:0], zero=0 * kernel)
    torch.save(weights, tmp_path / 'model.pth')
    stored = torch.load(publish(tmp_path / 'model.pth', half=True), weights_only=True)['state_dict']
    assert {name for name, tensor in stored.items() if tensor.dtype == torch.float16} == {'kernel', 'double', 'zero'}
    for name in stored.keys() - {'kernel', 'double', 'zero'}:
        assert stored[name].dtype == weights[name].dtype
        torch.testing.assert_close(stored[name], weights[name], rtol=0, atol=0)
    torch.testing.assert_close(stored['kernel'].float(), kernel, rtol=2**-11, atol=2**-25)


def test_half_weights_predict_in_32_bits(trained, tmp_path):
    path = publish(trained[1], tmp_path / 'half.pth', half=True)
    assert path.stat().st_size < 0.6 * publish(trained[1], tmp_path / 'whole.pth').stat().st_size
    assert all(parameter.dtype == torch.float32 for parameter in build_model(trained[0], path).parameters())
    image = np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8)
    whole, half = (predict(image, trained[0], weights).frames[0].people for weights in (trained[1], path))
    np.testing.assert_allclose(half.scores, whole.scores, rtol=5e-3)
    assert np.median(np.abs(half.keypoints - whole.keypoints)) < 0.1


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
