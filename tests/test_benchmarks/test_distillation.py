"""The steps that are timed side by side are those of a student alone and of the same one distilled."""

import dataclasses

import pytest
import torch
from mmengine.config import Config

from benchmarks import distillation
from benchmarks.distillation import CASES, compare_distillation
from mmpose_ext import config_path

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.mark.parametrize('case', [CASES[0], CASES[3]], ids=lambda case: case.name)
def test_the_same_student(case):
    """With the same weights; with a share of 0 the distilled one has its losses."""
    config = distillation._config(case, case.options)
    student, teacher, distilled = distillation._models(config, 'cpu')
    assert type(student).__name__ == 'TopdownPoseEstimator'
    assert teacher is distilled.teacher
    assert not teacher.training
    distilled.alpha = distilled.alpha_unlabeled = 0
    data = distillation._batch(config, 2)
    losses = []
    for model in (student, distilled):
        torch.manual_seed(0)
        losses.append(model.train()(**model.data_preprocessor(dict(data), True), mode='loss'))
    assert losses[0].keys() == losses[1].keys()
    assert all(torch.equal(value, losses[1][name]) for name, value in losses[0].items() if 'loss' in name)


def test_options_change_both_networks():
    (case,) = [case for case in CASES if case.options]
    config = distillation._config(case, case.options)
    original = Config.fromfile(config_path(case.config))
    for model, width in ((config.model, 64), (config.model.teacher.config.model, 128)):
        assert model.backbone.feat_channels == width
        assert tuple(model.head.decoder.input_size) == (128, 128)
    assert original.model.backbone.feat_channels == 128


@pytest.mark.parametrize('both', [3.05, 3.2], ids=['met', 'missed'])
def test_report_and_limit(monkeypatch, both):
    """The median of each round's ratio: one slow round is not counted."""
    names = distillation._STUDENT, distillation._TEACHER, distillation._BOTH
    turns = dict(zip(names, ([1.0, 1.0, 50.0], [2.0, 2.0, 50.0], [both, both, 900.0]), strict=True))
    monkeypatch.setattr(distillation, '_functions', lambda *_: None)
    monkeypatch.setattr(distillation, 'measure_turns', lambda *_: turns)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    lines, met = compare_distillation(rounds=3)
    assert met is (both == 3.05)
    assert sum('MISSED' in line for line in lines) == (0 if met else len(CASES))


def test_steps_are_timed(monkeypatch):
    monkeypatch.setattr(distillation, 'CASES', (dataclasses.replace(CASES[0], batch=2, device_batch=2),))
    lines, met = compare_distillation(rounds=1, block=0.0)
    assert met is ('MISSED' not in '\n'.join(lines))
    assert sum(line.endswith(' ms') for line in lines) % 3 == 0
