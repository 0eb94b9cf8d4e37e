"""The runtime where neither torch nor OpenMMLab is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

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


def test_runtime_needs_no_torch(small_environment, tmp_path):
    cv2.imwrite(str(tmp_path / 'image.png'), np.zeros((8, 9, 3), np.uint8))
    result = subprocess.run(
        [sys.executable, '-S', '-c', PROGRAM],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        | dict(PYTHONPATH=str(small_environment)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == '(8, 9, 3)'
