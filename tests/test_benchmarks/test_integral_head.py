"""The heads that are timed side by side compute the same, so that their times can be compared."""

import dataclasses

import numpy as np
import pytest
import torch

from benchmarks import integral_head
from benchmarks.integral_head import CASES, GOALS, HeadCase, compare_integral_heads, head_pair

SMALL = (
    HeadCase('plain', 4, None, 2, goals=True),
    HeadCase('no-layers', 17, None, 2, goals=False, final_layer=False),
    HeadCase('deconvolutions', 4, (3, 5), 2, goals=False),
)

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.mark.parametrize('case', SMALL, ids=lambda case: case.name)
def test_both_heads_compute_the_same(case):
    heads, batches = head_pair(case), integral_head._samples(case.batch, 'cpu')
    feats, mirrored = torch.randn(2, case.batch, case.channels, *reversed(case.size))
    losses, gradients, points = [], [], []
    for head, samples in zip(heads, batches, strict=True):
        leaf = feats.clone().requires_grad_()
        found = head.train().loss((leaf,), samples, train_cfg={})
        losses.append((next(value for name, value in found.items() if 'loss' in name), found['acc_pose']))
        losses[-1][0].backward()
        gradients.append(leaf.grad)
        people = head.eval().predict([(feats,), (mirrored,)], samples, test_cfg=integral_head._FLIP_TEST)
        points.append(np.concatenate([person.keypoints for person in people]))
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-6, check_dtype=False)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-7)
    assert np.ptp(points[0], axis=1).min() > 0.1
    np.testing.assert_allclose(*points, atol=1e-3)  # pixels


def test_cases_have_maps_of_one_size():
    for case in CASES:
        stride = 2 ** len(case.deconvs or ())
        assert (case.size[0] * stride, case.size[1] * stride) == (48, 64)


@pytest.mark.parametrize('slow', ['', "MMPose's "], ids=['ours', 'MMPose'])
def test_report_and_goals(monkeypatch, slow):
    names = ('training step', 'prediction', 'prediction, no flip test')
    times = {f'{whose}{name}': 2.0 if whose == slow else 1.0 for name in names for whose in ('', "MMPose's ")}
    monkeypatch.setattr(integral_head, 'CASES', SMALL)
    monkeypatch.setattr(integral_head, 'measure', lambda functions, *_: {name: times[name] for name in functions})
    lines, met = compare_integral_heads(rounds=1)
    report = '\n'.join(lines)
    assert met is (slow != '')
    assert report.count('MISSED') == (0 if met else len(GOALS))  # of the first case alone
    assert all(report.count(f'  {goal.name}') == len(SMALL) for goal in GOALS)


def test_integral_heads_are_timed(monkeypatch):
    monkeypatch.setattr(integral_head, 'CASES', tuple(dataclasses.replace(case, batch=1) for case in SMALL))
    lines, met = compare_integral_heads(rounds=1, block=0.0)
    assert met is ('MISSED' not in '\n'.join(lines))
    assert sum(line.endswith(' ms') for line in lines) == 6 * len(SMALL)
