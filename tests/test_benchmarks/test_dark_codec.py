from benchmarks import dark_codec
from benchmarks.dark_codec import CODEC_GOALS, compare_codecs


def test_codecs_are_compared(monkeypatch):
    monkeypatch.setattr(dark_codec, 'BATCH', 2)
    lines, met = compare_codecs(rounds=1, block=0.0)
    report = '\n'.join(lines)
    assert all(goal.name in report for goal in CODEC_GOALS)
    assert all(name in report for goal in CODEC_GOALS for name in (goal.over, goal.under))
    assert met is ('MISSED' not in report)
