"""Pickles of arrays: what MMPose writes is read, and what could run code is refused before it does."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmpose_ext.datasets.array_pickle import load_arrays, loads_arrays
from mmpose_ext.datasets.human36m_image_dataset import Human36mImageDataset


class RunsCode:
    """Makes a folder when it is unpickled by Python's own loader."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize('protocol', range(6))
def test_arrays_are_read(protocol: int) -> None:
    content = {('S1', '1'): dict(f=np.arange(2.0), name='a', size=(1, 2), names=np.array(['x', None], object))}
    content['scalar'] = np.float32(0.5)
    found = loads_arrays(pickle.dumps(content, protocol), 'cameras.pkl')
    assert isinstance(found, dict) and found['scalar'] == np.float32(0.5)
    np.testing.assert_array_equal(found['S1', '1']['f'], [0, 1])
    assert found['S1', '1']['names'].tolist() == ['x', None]


@pytest.mark.parametrize('where', ['alone', 'in an array', 'in a key'])
def test_code_is_not_run(tmp_path: Path, where: str) -> None:
    evil = RunsCode(tmp_path / 'ran')
    content = (
        dict(alone=evil) if where == 'alone' else np.array([evil, 1], object) if where == 'in an array' else {1: [evil]}
    )
    path = tmp_path / 'cameras.pkl'
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r'cameras.pkl must be a pickle of arrays, got UnpicklingError: it names'):
        load_arrays(str(path))
    assert not (tmp_path / 'ran').exists()
    pickle.loads(path.read_bytes())  # the oracle: it would have run
    assert (tmp_path / 'ran').exists()


@pytest.mark.parametrize('content', [b'', b'no pickle', b'\x80\x04.', pickle.dumps(np.arange(9.0))[:-9]])
def test_other_files_are_named(content: bytes) -> None:
    with pytest.raises(ValueError, match=r'x\.pkl must be a pickle of arrays, got'):
        loads_arrays(content, 'x.pkl')


@pytest.mark.parametrize('cameras', [[], {}, {('S1', '1'): {}}, {'S1': 1}, {('S1', '1'): dict(f='x', c=1, k=1, p=1)}])
def test_human36m_names_files_that_cannot_be_read(tmp_path: Path, cameras: object) -> None:
    (tmp_path / 'cameras.pkl').write_bytes(pickle.dumps(cameras))
    name = 'S1_Directions_1.1_000001.jpg'
    np.savez(tmp_path / 'a.npz', imgname=[name], part=np.ones((1, 17, 3)), S=np.ones((1, 17, 4)))
    with pytest.raises(ValueError, match="'camera_file' must hold"):
        Human36mImageDataset('a.npz', 'cameras.pkl', data_root=str(tmp_path))


def test_human36m_names_arrays_that_cannot_be_read(tmp_path: Path) -> None:
    camera = dict(f=np.ones(2), c=np.ones(2), k=np.zeros(3), p=np.zeros(2))
    (tmp_path / 'cameras.pkl').write_bytes(pickle.dumps({('S1', '1'): camera}))
    for content in (b'', b'PK\x03\x04 not a zip'):
        (tmp_path / 'a.npz').write_bytes(content)
        with pytest.raises(ValueError, match=r"'ann_file' must be an .npz file with the arrays imgname, .*a\.npz"):
            Human36mImageDataset('a.npz', 'cameras.pkl', data_root=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"'ann_file' must be a file, and .*b\.npz does not exist"):
        Human36mImageDataset('b.npz', 'cameras.pkl', data_root=str(tmp_path))
