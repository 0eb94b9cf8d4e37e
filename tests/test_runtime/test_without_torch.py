"""The runtime where neither torch nor OpenMMLab is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.apis import init_model

from mmpose_ext.apis.export import export_model
from mmpose_ext.apis.predict import predict

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys, time
start = time.perf_counter()
import mmpose_ext.runtime
seconds = time.perf_counter() - start
loaded = {name.partition('.')[0] for name in sys.modules}
assert not loaded & {'torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'scipy', 'matplotlib'}, loaded
for name in ('torch', 'mmpose'):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f'{name} is installed here')
import cv2
people = mmpose_ext.runtime.People.empty(17)
frame = next(iter(mmpose_ext.runtime.open_source('image.png')))
skeleton = mmpose_ext.runtime.Skeleton(tuple('abcdefghijklmnopq'))
drawn = mmpose_ext.runtime.draw_people(frame.image, people, skeleton)
try:
    mmpose_ext.runtime.OnnxPoseModel('image.png')
except ValueError as error:
    assert 'must be an ONNX model' in str(error), error
print(drawn.shape)
"""


@pytest.fixture
def small_environment(tmp_path: Path) -> Path:
    """A folder with numpy, OpenCV and ONNX Runtime alone."""
    folder = tmp_path / 'packages'
    folder.mkdir()
    for name in ('numpy', 'cv2', 'onnxruntime'):
        spec = find_spec(name)
        if spec is None:
            pytest.skip(f'{name} is not installed')
        package = Path(spec.origin).parent
        (folder / name).symlink_to(package)
        for libraries in package.parent.glob(f'{name}*.libs'):
            (folder / libraries.name).symlink_to(libraries)
    for libraries in Path(find_spec('cv2').origin).parents[1].glob('opencv*.libs'):
        (folder / libraries.name).symlink_to(libraries)
    (folder / 'mmpose_ext').symlink_to(ROOT / 'mmpose_ext')
    return folder


RUN = """
import sys
import numpy as np
from mmpose_ext.runtime import OnnxPoseModel, open_source
frame = next(iter(open_source('image.png')))
people = OnnxPoseModel('model.onnx')(frame.image, [[5, 10, 90, 140], [20, 0, 115, 150]])
assert 'torch' not in sys.modules
np.savez('people.npz', keypoints=people.keypoints, scores=people.scores)
"""


def run_without_torch(program: str, packages: Path, folder: Path) -> str:
    """What a program prints that finds nothing but the packages of a folder."""
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    result = subprocess.run(
        [sys.executable, '-S', '-c', program],
        cwd=folder,
        env=environment | dict(PYTHONPATH=str(packages)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_exported_model_runs_without_torch_as_predict_does(small_environment, write_config, tmp_path):
    pytest.importorskip('onnx')
    config = str(write_config(tmp_path))
    model = init_model(config, None, device='cpu')
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    export_model(config, tmp_path / 'model.pth', tmp_path / 'model.onnx')
    image = np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    (tmp_path / 'boxes.csv').write_text('file_name,x1,y1,x2,y2\nimage.png,5,10,90,140\nimage.png,20,0,115,150\n')
    run_without_torch(RUN, small_environment, tmp_path)
    found = np.load(tmp_path / 'people.npz')
    expected = (
        predict(tmp_path / 'image.png', config, tmp_path / 'model.pth', boxes=tmp_path / 'boxes.csv', flip=False)
        .frames[0]
        .people
    )
    assert found['keypoints'].shape == (2, 17, 2)
    np.testing.assert_allclose(found['keypoints'], expected.keypoints, atol=1e-2)
    np.testing.assert_allclose(found['scores'], expected.scores, rtol=1e-3)


def test_runtime_needs_no_torch(small_environment, tmp_path):
    cv2.imwrite(str(tmp_path / 'image.png'), np.zeros((8, 9, 3), np.uint8))
    assert run_without_torch(PROGRAM, small_environment, tmp_path) == '(8, 9, 3)'
