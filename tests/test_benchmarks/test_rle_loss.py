import pytest

from benchmarks import rle_loss
from benchmarks.rle_loss import RLE_GOALS, compare_rle_losses


def test_rle_losses_are_compared(monkeypatch):
    monkeypatch.setattr(rle_loss, 'BATCH', 2)
    lines, met = compare_rle_losses(rounds=1, block=0.0)
    report = '\n'.join(lines)
    assert all(name in report for goal in RLE_GOALS for name in (goal.name, goal.over, goal.under))
    assert met is ('MISSED' not in report)


def test_both_losses_have_the_same_weights(monkeypatch):
    monkeypatch.setattr(rle_loss, 'BATCH', 2)
    theirs, ours = (step().item() for step in rle_loss._losses('cpu').values())
    assert ours == pytest.approx(theirs, rel=1e-5)
