"""A few random rounds of every codec and every loss, see fuzz.py for the long run."""

import fuzz
import numpy as np
import pytest
import torch

from mmpose_ext.codecs import DarkHeatmap, Keypoints
from mmpose_ext.models.losses import HeatmapBCELoss
from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

ROUNDS = 5
ignore_overflow = pytest.mark.filterwarnings('ignore:overflow encountered')  # 1e200 in float32


@ignore_overflow
@pytest.mark.parametrize('subject', range(len(fuzz.SUBJECTS)), ids=[kind.__name__ for kind, *_ in fuzz.SUBJECTS])
def test_random_rounds_find_nothing(subject):
    rounds = [fuzz.run_round(subject + number * len(fuzz.SUBJECTS)) for number in range(ROUNDS)]
    assert {name.split('(')[0] for name, _, _ in rounds} == {fuzz.SUBJECTS[subject][0].__name__}
    assert [what for _, _, found in rounds for what in found] == []


def test_every_registered_codec_and_loss_takes_part():
    kinds = {kind for kind, *_ in fuzz.SUBJECTS}
    codecs = {kind for kind in KEYPOINT_CODECS.module_dict.values() if kind.__module__.startswith('mmpose_ext')}
    modules = [kind for kind in MODELS.module_dict.values() if isinstance(kind, type)]
    losses = {kind for kind in modules if kind.__module__.startswith('mmpose_ext.models.losses')}
    assert codecs | losses == kinds


@ignore_overflow
def test_broken_codecs_are_found():
    class NotFinite(DarkHeatmap):
        def decode_tensors(self, encoded, normalized=False):
            points, scores, *_ = super().decode_tensors(encoded, normalized)
            return Keypoints(points / scores[..., None].clamp(min=0), scores)

    class OneCellOff(DarkHeatmap):
        def decode_tensors(self, encoded, normalized=False):
            points, scores, *_ = super().decode_tensors(encoded, normalized)
            return Keypoints((points + 4.0).clamp(max=90), scores)

    class FullWeight(DarkHeatmap):
        def encode_batch(self, keypoints, keypoints_visible=None):
            encoded = super().encode_batch(keypoints, keypoints_visible)
            return dict(encoded, keypoint_weights=torch.ones_like(encoded['keypoint_weights']))

    def findings(kind, check):
        codec = kind((96, 128), (24, 32), sigma=1.5, blur_kernel_size=3)
        return ''.join(check(np.random.default_rng(0), codec, (8, 17)))

    assert 'points are finite' in findings(NotFinite, fuzz.check_decode)
    assert 'decoded where it was encoded' in findings(OneCellOff, fuzz.check_round_trip)
    assert 'keypoint_weights is 0 without a label' in findings(FullWeight, fuzz.check_encode)


def test_broken_losses_are_found():
    class Unmasked(HeatmapBCELoss):
        def forward(self, output, target, weights):
            errors = (output.float() - target).square().mean((-2, -1))
            return self.reduce(errors, weights)  # the gradient is 0 * NaN

    class Unweighted(HeatmapBCELoss):
        def forward(self, output, target, weights):
            return super().forward(output, target, torch.ones_like(weights))

    def findings(kind):
        return ''.join(fuzz.check_loss(np.random.default_rng(0), kind(), (4, 3), (8, 17)))

    assert 'gradient is the same' in findings(Unmasked) or 'without weight is 0' in findings(Unmasked)
    assert 'loss is the same' in findings(Unweighted)


def test_the_program_counts_joints_and_tells_findings_by_status(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['fuzz.py', '--seed', '3', '--count', '20'])
    monkeypatch.setattr(fuzz, 'run_round', lambda seed: (f'round {seed}', 8, ['a finding'] if seed == 4 else []))
    assert fuzz.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        'seed 4: round 4: a finding',
        '24 joints in 3 rounds, 1 findings',
    ]
    monkeypatch.setattr(fuzz, 'run_round', lambda seed: ('', 8, []))
    assert fuzz.main() == 0
