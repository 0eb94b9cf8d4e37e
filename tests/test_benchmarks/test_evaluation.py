"""The comparison of test loops: the same people and outputs on both sides, and a report."""

from pathlib import Path

import pytest
import torch
from mmengine.runner.amp import autocast

from benchmarks.cases import CASES, write_people
from benchmarks.evaluation import PARTS, _test_runs, compare_evaluation

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def test_the_outputs_are_the_same(tmp_path: Path) -> None:
    """Each way sees the same people, and its network has the same weights."""
    write_people(tmp_path, 6)
    runs = _test_runs(CASES[0], tmp_path, 0, 'cpu')
    maps, names = [], []
    for run in runs.values():
        data = next(iter(run.loader))
        names.append([sample.metainfo['id'] for sample in data['data_samples']])
        images = run.model.eval().data_preprocessor(data, False)['inputs']
        with torch.no_grad(), autocast(enabled=run.fp16):
            maps.append(run.model.head.forward(run.model.extract_feat(images)))
    assert names == [[1, 2, 3, 4, 5, 6]] * 4
    for name, one in zip(runs, maps, strict=True):
        tolerance = 0.02 * maps[0].abs().max().item() if name == 'bfloat16' else 1e-3
        torch.testing.assert_close(one, maps[0], atol=tolerance, rtol=1e-3)


def test_a_turn_counts_each_part(tmp_path: Path) -> None:
    write_people(tmp_path, 40)
    run = _test_runs(CASES[0], tmp_path, 0, 'cpu')['default']
    assert 'coco/AP' in run.evaluate()
    assert run.people == 42, 'three in each of 14 images'
    assert all(run.turns[0][part] > 0 for part in PARTS)


def test_report() -> None:
    lines, _ = compare_evaluation(rounds=1, people=3, workers=0)
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[4:]]
    ways = 'MMPose', 'default', 'tuned', 'bfloat16'
    assert [row[:2] for row in rows] == [['ResNet-18 128x96, 3 people', way] for way in ways]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])
