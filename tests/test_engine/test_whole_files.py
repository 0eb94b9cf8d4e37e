"""Checkpoints that are cut off, empty, damaged or missing, and folders that were copied."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
from mmengine.fileio import get_file_backend

from mmpose_ext.engine import whole_files
from mmpose_ext.engine.whole_files import WHOLE_FILES, defect_of, find_checkpoint
from mmpose_ext.files import write_whole

DAMAGES = {
    'cut off': lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    'one byte short': lambda path: path.write_bytes(path.read_bytes()[:-1]),
    'empty': lambda path: path.write_bytes(b''),
    'zeros': lambda path: path.write_bytes(bytes(path.stat().st_size)),
    'one bit': lambda path: path.write_bytes(flipped(path.read_bytes())),
    'missing': lambda path: path.unlink(),
}


def flipped(content: bytes) -> bytes:
    """The content with one bit changed, inside the numbers of the tensor."""
    place = content.index(torch.arange(1000.0).numpy().tobytes()) + 100
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def state(epoch: int) -> dict[str, dict]:
    return dict(meta=dict(epoch=epoch, iter=epoch), message_hub={}, state_dict=dict(a=torch.arange(1000.0)))


def fill(folder: Path, *epochs: int) -> None:
    folder.mkdir(exist_ok=True)
    for epoch in epochs:
        path = folder / f'epoch_{epoch}.pth'
        torch.save(state(epoch), path)
        (folder / 'last_checkpoint').write_text(str(path))


@pytest.mark.parametrize('damage', DAMAGES)
def test_the_previous_one_is_taken(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    fill(run, 2, 9, 10)
    assert find_checkpoint(run) == run / 'epoch_10.pth'
    DAMAGES[damage](run / 'epoch_10.pth')
    assert find_checkpoint(run) == run / 'epoch_9.pth'
    DAMAGES[damage](run / 'epoch_9.pth')
    assert find_checkpoint(run) == run / 'epoch_2.pth'
    DAMAGES[damage](run / 'epoch_2.pth')
    with pytest.raises(ValueError, match=r"'work_dir' must have a whole checkpoint .*epoch_10\.pth (is|does).*remove"):
        find_checkpoint(run)


def test_the_warning_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(whole_files, 'print_log', lambda text, **_: told.append(text))
    fill(tmp_path / 'run', 1, 2)
    DAMAGES['cut off'](tmp_path / 'run/epoch_2.pth')
    find_checkpoint(tmp_path / 'run')
    assert told == [f'{tmp_path}/run/epoch_2.pth is cut off or damaged; resuming from {tmp_path}/run/epoch_1.pth']


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('page.html', 'no checkpoint')


OTHERS = {
    'an archive of other files': archive,
    'a text': lambda path: path.write_text('no checkpoint'),
    'a tensor': lambda path: torch.save(torch.ones(3), path),
    'weights alone': lambda path: torch.save(dict(a=torch.ones(3)), path),
    'a program': lambda path: torch.save(state(3) | dict(call=os.path.join), path),
    'an empty folder': lambda path: path.unlink() or path.mkdir(),
    'a link to nowhere': lambda path: path.unlink() or path.symlink_to('nowhere'),
    'a link to itself': lambda path: path.unlink() or path.symlink_to(path.name),
}


@pytest.mark.parametrize('kind', OTHERS)
def test_what_is_no_checkpoint_of_a_training_is_passed_over(kind: str, tmp_path: Path) -> None:
    fill(tmp_path / 'run', 2, 3)
    OTHERS[kind](tmp_path / 'run/epoch_3.pth')
    assert find_checkpoint(tmp_path / 'run') == tmp_path / 'run/epoch_2.pth'


NO_NAMES = [
    b'',
    b'..',
    b'/',
    b'epoch_3.pth\nepoch_2.pth',
    b'epoch\0_2.pth',
    b'a' * 5000,
    b'\xff\xfe/\x80',
    b'epoch_4.pth',
]


@pytest.mark.parametrize('text', NO_NAMES)
def test_a_pointer_that_names_no_file(text: bytes, tmp_path: Path) -> None:
    fill(tmp_path / 'run', 2, 3)
    (tmp_path / 'run/last_checkpoint').write_bytes(text)
    assert find_checkpoint(tmp_path / 'run') == tmp_path / 'run/epoch_3.pth'


def test_a_pointer_that_is_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / 'run', 2, 3)
    (tmp_path / 'run/last_checkpoint').unlink()
    (tmp_path / 'run/last_checkpoint').mkdir()
    assert find_checkpoint(tmp_path / 'run') == tmp_path / 'run/epoch_3.pth'


def test_an_older_one_is_taken_where_it_is_named_and_the_newer_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(whole_files, 'print_log', lambda text, **_: told.append(text))
    fill(tmp_path, 3, 1)
    assert find_checkpoint(tmp_path) == tmp_path / 'epoch_1.pth'
    (text,) = told
    assert text == f'{tmp_path}/last_checkpoint names epoch_1.pth; resuming from it and not from {tmp_path}/epoch_3.pth'


def test_nothing_to_resume_from(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path) is None
    (tmp_path / 'best_coco_AP_epoch_3.pth').write_bytes(b'it has no optimizer')
    assert find_checkpoint(tmp_path) is None


def test_a_copied_folder_has_its_own_files(tmp_path: Path) -> None:
    fill(tmp_path / 'one', 1, 2)
    (tmp_path / 'one').rename(tmp_path / 'two')
    fill(tmp_path / 'one', 1, 2)
    assert find_checkpoint(tmp_path / 'two') == tmp_path / 'two/epoch_2.pth'
    (tmp_path / 'two/epoch_2.pth').unlink()
    assert find_checkpoint(tmp_path / 'two') == tmp_path / 'two/epoch_1.pth'
    (tmp_path / 'two/epoch_1.pth').unlink()
    with pytest.raises(ValueError, match=r'two/epoch_2\.pth does not exist'):
        find_checkpoint(tmp_path / 'two')


def test_checkpoints_in_another_folder(tmp_path: Path) -> None:
    fill(tmp_path / 'out', 1)
    (tmp_path / 'run').mkdir()
    (tmp_path / 'out/last_checkpoint').rename(tmp_path / 'run/last_checkpoint')
    assert find_checkpoint(tmp_path / 'run', tmp_path / 'out') == tmp_path / 'out/epoch_1.pth'


def test_the_interrupted_one_is_newer_than_any_epoch(tmp_path: Path) -> None:
    fill(tmp_path / 'run', 1, 2)
    (tmp_path / 'run/epoch_1.pth').rename(tmp_path / 'run/interrupted.pth')
    (tmp_path / 'run/last_checkpoint').unlink()
    assert find_checkpoint(tmp_path / 'run') == tmp_path / 'run/interrupted.pth'


def test_torchs_old_format(tmp_path: Path) -> None:
    path = tmp_path / 'epoch_1.pth'
    torch.save(state(1), path, _use_new_zipfile_serialization=False)
    assert defect_of(path) is None
    DAMAGES['cut off'](path)
    assert defect_of(path) == 'is cut off or damaged'


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'new' / 'file'
    backend = get_file_backend(str(path), backend_args=dict(backend=WHOLE_FILES))
    backend.put(b'old', str(path))

    def full(descriptor: int) -> None:
        # the content is written by then, and not under the name of the file
        assert path.read_bytes() == b'old'
        raise OSError('No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        write_whole(path, b'new')
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [('file', b'old')]
