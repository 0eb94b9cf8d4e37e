"""Results of jobs that are no results, and folders that cannot be locked."""

import errno
import fcntl
import zipfile
from pathlib import Path

import pytest
import torch

from mmpose_ext.files import parse_json
from mmpose_ext.lab.ablation.job_process import discard, is_whole
from mmpose_ext.lab.ablation.measured import read_measured
from mmpose_ext.lab.ablation.report.collect import _read_metrics
from mmpose_ext.lab.ablation.report.results import read_results
from mmpose_ext.lab.ablation.workflow import _only_runner

DEEP = b'[' * 200_000


@pytest.mark.parametrize(
    'content', [b'', b'null', b'[]', b'[1]', b'1.5', b'"AP"', b'{"AP": 0.', b'\xff\xfe', b'\0\0', DEEP]
)
def test_metrics_that_are_no_object_are_made_again(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'metrics.json'
    path.write_bytes(content)
    assert discard(path)
    assert not path.exists() and (tmp_path / 'metrics.json.broken').read_bytes() == content


def test_an_archive_of_other_files_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / 'epoch_3.pth'
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('page.html', 'no checkpoint')
    assert not is_whole(path)
    torch.save({}, path)
    assert is_whole(path)


@pytest.mark.parametrize('content', [b'null', b'{"AP": null}', b'{"AP": [1]}', b'{"AP": "high"}', DEEP])
def test_metrics_without_numbers_are_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'metrics.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'must be numbers by name in json, got .*metrics\.json'):
        _read_metrics(path)


def test_results_that_are_nested_without_end_are_named(tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_bytes(DEEP)
    with pytest.raises(ValueError, match=r'a\.json.*nested too deeply'):
        read_results(tmp_path / 'a.json')
    with pytest.raises(ValueError, match='nested too deeply'):
        parse_json('{"a":' * 200_000)


@pytest.mark.parametrize('content', [b'null', b'{}', b'[]', b'{"table": {}, "rows": 1}', DEEP])
def test_a_readme_is_not_filled_from_another_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_bytes(content)
    with pytest.raises(ValueError, match=r'as ablation\.py report writes it, got .*a\.json'):
        read_measured(tmp_path / 'a.json', lambda table: table['order_by'])


def test_a_folder_without_locks_is_not_taken_for_one_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', refuse)
    with (
        pytest.raises(RuntimeError, match=r'runner\.lock cannot be locked: No locks available'),
        _only_runner(tmp_path),
    ):
        pass
