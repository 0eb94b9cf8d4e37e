import pytest

from mmpose_ext.lab.profiling import timing
from mmpose_ext.lab.profiling.timing import Goal, measure


def test_measure_takes_turns_and_their_median(monkeypatch):
    now, calls = [0.0], []

    def takes(name, seconds):
        def function():
            calls.append(name)
            now[0] += seconds.pop(0)

        return function

    monkeypatch.setattr(timing.time, 'perf_counter', lambda: now[0])
    # two rounds; the first call of a turn is not timed, and a turn of `a` takes two more calls to last for 4 seconds
    functions = dict(a=takes('a', [9, 1, 5, 9, 2, 2]), b=takes('b', [9, 4, 9, 6]))
    assert measure(functions, rounds=2, block=4) == dict(a=2.5, b=5)
    assert calls == ['a', 'a', 'a', 'b', 'b'] * 2


@pytest.mark.parametrize(
    ('bound', 'at_least', 'met'), [(4, True, True), (4.1, True, False), (4, False, True), (3.9, False, False)]
)
def test_goal(bound, at_least, met):
    goal, times = Goal('speed', 'slow', 'fast', bound, at_least), dict(slow=8.0, fast=2.0)
    assert goal.ratio(times) == 4
    assert goal.is_met(times) is met
    assert goal.report(times).endswith('met' if met else 'MISSED')
