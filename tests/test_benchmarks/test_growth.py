"""The growth of time and memory: what is known of it beforehand, a table and a plot."""

from pathlib import Path

import pytest

from benchmarks.growth import Load, _functions, _peak, draw, measure_growth, table

pytestmark = pytest.mark.usefixtures('mmpose_scope')
AXES = {'people': (2, 4), 'side': (12, 24)}


def test_report(tmp_path: Path) -> None:
    found = measure_growth(1, 0.001, AXES)
    lines = table(found, AXES)
    assert len(lines) == 2 + 2 * 5
    assert all(line.count('|') == 8 for line in lines)
    draw(found, tmp_path / 'growth.svg', AXES)
    assert 1000 < (tmp_path / 'growth.svg').stat().st_size < 100_000


def test_memory_of_targets() -> None:
    """Maps of float32 are by far the largest arrays that are made."""
    for side in (24, 48):
        size = 4 * 8 * 17 * side * (side * 4 // 3)
        peak = _peak(_functions(Load(people=8, side=side), 'cpu')['targets of DARK'], 'cpu')
        assert size <= peak < 1.5 * size


def test_two_processes() -> None:
    """They call the losses, which wait for each other, equally often."""
    found = measure_growth(1, axes={'processes': (2,)})['processes']
    assert all(len(values) == 1 and values[0] > 0 for values in found.seconds.values())
