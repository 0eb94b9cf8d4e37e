"""All rows of several tables in one drawing."""

import json
import runpy
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from matplotlib import pyplot

from mmpose_ext.lab.ablation.report import plot_overview

RESULTS = Path(__file__).resolve().parents[3] / 'docs' / 'results'


def write_table(folder: Path, name: str, column: str, rows: dict[str, tuple[float | None, float | None]]) -> None:
    found = [
        dict(name=row, mean={column: mean} if mean is not None else {}, spread={column: spread} if spread else None)
        for row, (mean, spread) in rows.items()
    ]
    table = dict(name=name, metrics={'AP': 'coco/AP', column: 'PCK/Mean'})
    (folder / f'{name.replace("/", "_")}_d.json').write_text(json.dumps(dict(table=table, rows=found)))


def test_a_dot_for_each_row_at_its_mean(tmp_path, monkeypatch):
    """Columns of one metric may have different names; rows without it are left out."""
    write_table(tmp_path, 'a/one', 'PCK@0.2', {'first': (30.0, 2.0), 'second': (40.0, None), 'not run': (None, None)})
    write_table(tmp_path, 'b/two', 'Mean or AP', {'third': (10.0, None)})
    figures = []
    monkeypatch.setattr(pyplot, 'close', figures.append)
    plot_overview(tmp_path, ['a/one', 'b/two'], 'd', 'PCK/Mean', 'PCK', tmp_path / 'it.svg')
    monkeypatch.undo()
    axes = figures[0].axes[0]
    dots = [container.lines[0].get_xydata()[0] for container in axes.containers]
    np.testing.assert_array_equal(dots, [[30, 1], [40, 2], [10, 4]])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ['first', 'second', 'third']
    assert [text.get_text() for text in axes.texts] == ['a/one', 'b/two']
    (bar,) = axes.containers[0].lines[2]
    np.testing.assert_array_equal(bar.get_segments()[0][:, 0], [28, 32])
    pyplot.close(figures[0])
    ElementTree.parse(tmp_path / 'it.svg')


def test_the_same_drawing_has_the_same_bytes(tmp_path):
    tables = ['dark/encoding', 'dark/decoding']
    for name in ('one.svg', 'two.svg'):
        plot_overview(RESULTS, tables, 'lspet', 'PCK/Mean', 'PCK@0.2', tmp_path / name)
    assert (tmp_path / 'one.svg').read_bytes() == (tmp_path / 'two.svg').read_bytes()


def test_the_program_draws(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'rows.png'
    arguments = ['plot', 'dark/encoding', '--data', 'lspet', '--results', str(RESULTS), '--out', str(out)]
    monkeypatch.setattr('sys.argv', ['ablation.py', *arguments])
    program = runpy.run_path(str(RESULTS.parents[1] / 'tools' / 'ablation.py'))
    assert program['main']() == 0
    assert cv2.imread(str(out)).std() > 5 and capsys.readouterr().out == f'{out}\n'


def test_tables_without_the_metric_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'tables' must have rows with 'PCK/Mean' on 'd' in .*, got 'a/one'"):
        plot_overview(tmp_path, ['a/one'], 'd', 'PCK/Mean', 'PCK', tmp_path / 'it.svg')
    (tmp_path / 'a_one_d.json').write_text('[]')
    with pytest.raises(ValueError, match=r'must be as ablation\.py report writes it'):
        plot_overview(tmp_path, ['a/one'], 'd', 'PCK/Mean', 'PCK', tmp_path / 'it.svg')
