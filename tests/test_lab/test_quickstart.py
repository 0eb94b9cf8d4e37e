"""The quick start: the whole road on a handful of images, and the parts that draw its results."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmpose_ext.lab.profiling.threads import fastest_threads, measure_threads
from mmpose_ext.lab.quickstart import decoding_table
from mmpose_ext.lab.visualization.figures import plot_curves, read_scalars

ROOT = Path(__file__).resolve().parents[2]
METRICS = {'coco/AP': 0.1234, 'coco/AP .5': 0.5, 'coco/AP .75': 0.25, 'coco/AR': 0.3}


def write_log(folder: Path, records: list[dict]) -> None:
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, records)) + '\n')


def is_drawn(path: Path) -> bool:
    """Whether a file is an image of more than one color."""
    picture = cv2.imread(str(path))
    return picture is not None and picture.std() > 5


def test_table_has_a_row_for_each_decoding():
    lines = decoding_table({'argmax': METRICS, 'dark': {**METRICS, 'coco/AP': 0.9}}).splitlines()
    assert lines[0] == '| decoding | AP | AP50 | AP75 | AR |'
    assert lines[2] == '| highest cell | 0.123 | 0.500 | 0.250 | 0.300 |'
    assert lines[3].startswith('| DARK | 0.900 |')


def test_log_of_a_resumed_training_is_read_in_the_order_of_its_runs(tmp_path):
    write_log(tmp_path / '20260102_000000' / 'vis_data', [{'step': 2, 'loss': 0.5}, {'step': 1, 'coco/AP': 0.2}])
    write_log(tmp_path / '20260101_000000' / 'vis_data', [{'step': 1, 'loss': 1.0}])
    assert [record.get('loss') for record in read_scalars(str(tmp_path))] == [1.0, 0.5, None]
    plot_curves(str(tmp_path), str(tmp_path / 'curves.png'))
    assert is_drawn(tmp_path / 'curves.png')


def test_curves_of_a_folder_without_a_log(tmp_path):
    with pytest.raises(ValueError, match=r"'work_dir' must hold the log of a training"):
        plot_curves(str(tmp_path), str(tmp_path / 'curves.png'))


def test_the_fastest_number_of_threads_is_taken():
    assert fastest_threads({1: 0.4, 2: 0.2, 4: 0.3}) == 2
    assert fastest_threads({1: 0.205, 2: 0.2, 4: 0.9}) == 1  # of equals the smallest
    kept, seen = torch.get_num_threads(), []
    times = measure_threads(lambda: seen.append(torch.get_num_threads()), seconds=0.001)
    assert [*times] == sorted(set(seen)) and min(times) == 1 and torch.get_num_threads() == kept


def quickstart(python: str, folder: Path, *options: str) -> subprocess.CompletedProcess:
    command = [python, 'tools/quickstart.py', '--data-dir', str(folder / 'data'), '--work-dir',
               str(folder / 'work'), '--num-train', '12', '--num-val', '6', '--cfg-options', 'train_cfg.max_epochs=1',
               'model.backbone.base_channels=8', 'model.head.in_channels=64', *options]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_whole_road_and_a_second_start(tmp_path, warm_python):
    first = quickstart(warm_python.executable, tmp_path)
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    work = tmp_path / 'work'
    pictures = [work / 'curves.png', *work.glob('predictions/*.png'), *work.glob('heatmaps/*.png')]
    assert len(pictures) == 1 + 2 * 6
    assert all(is_drawn(picture) for picture in pictures)
    rows = (work / 'decoding.md').read_text().splitlines()
    assert [row.split('|')[1].strip() for row in rows[2:]] == ['highest cell', 'quarter shift', 'DARK']
    assert is_drawn(work / 'lsp14' / 'drawn' / 'skier.jpg')
    results = {name: json.loads((work / f'test_{name}.json').read_text()) for name in ('argmax', 'shift', 'dark')}
    assert all(np.isfinite(metrics['coco/AP']) for metrics in results.values())
    assert re.search(r'\[train\] \d+ threads?, 1 steps: about 0:00:\d\d left', first.stdout)
    # the commands printed are those that ran, and anyone can run them
    assert f'tools/test.py {ROOT}/configs/dark/' in first.stdout

    finished = {path: path.stat().st_mtime_ns for path in [*work.glob('*.pth'), *work.glob('test_*.json')]}
    second = quickstart(warm_python.executable, tmp_path)
    assert second.returncode == 0
    assert '[train] already trained' in second.stdout
    assert finished == {path: path.stat().st_mtime_ns for path in finished}


def test_a_failing_step_says_what_failed_and_how_to_go_on(tmp_path):
    result = quickstart(sys.executable, tmp_path, 'model.backbone.depth=17')
    assert result.returncode == 1
    assert 'the step "train" failed' in result.stderr
    assert 'Start again to continue from here, or run it alone' in result.stderr
    # other settings than those of the failed start: its results are not resumed from
    assert not list((tmp_path / 'work').glob('*.pth'))
