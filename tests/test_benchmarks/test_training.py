"""The comparison of trainings: the same network on both sides, and a report."""

from pathlib import Path

import pytest
import torch

from benchmarks.cases import CASES, TrainingCase, case_config, counterpart, write_people
from benchmarks.training import _ways, compare_training
from mmpose_ext.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_the_networks_are_the_same(case: TrainingCase, tmp_path: Path) -> None:
    """Weights fit, and make the same outputs."""
    write_people(tmp_path)
    config = case_config(case, tmp_path, 0)
    ours, theirs = (MODELS.build(one.model).eval() for one in (config, counterpart(config)))
    weights = {name: value for name, value in ours.state_dict().items() if 'loss' not in name}
    missing, unexpected = theirs.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all('loss' in name for name in missing)
    width, height = config.model.head.decoder.input_size
    images = torch.rand(1, 3, height, width) if 'hourglass' in case.name else torch.rand(1, 3, height // 2, width // 2)
    found, expected = (model(images, None, mode='tensor') for model in (ours, theirs))
    torch.testing.assert_close([*found], [*expected])
    assert (config.model.head.type, counterpart(config).model.head.type) in (
        ('mmpose_ext.HeatmapHead', 'HeatmapHead'),
        ('mmpose_ext.RLEHead', 'RLEHead'),
        ('mmpose_ext.MultiStageHead', 'CPMHead'),
    )


def test_report() -> None:
    case = TrainingCase('small', CASES[0].config, 4)
    lines, _ = compare_training(rounds=1, seconds=0.1, workers=0, cases=(case,))
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[4:]]
    assert [row[:2] for row in rows] == [['small, batch 4', way] for way in ('MMPose', 'default', 'tuned', 'bfloat16')]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])


def test_the_images_of_a_batch_are_the_same(tmp_path: Path) -> None:
    """All ways see the same people in the same order."""
    write_people(tmp_path)
    ways = _ways(TrainingCase('small', CASES[0].config, 4), tmp_path, 0, 'cpu')
    seen = [[sample.metainfo['id'] for sample in next(iter(way.loader))['data_samples']] for way in ways.values()]
    assert seen == [seen[0]] * 4
