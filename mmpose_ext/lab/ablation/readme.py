"""Tables of results in a README: made of the tables' yaml files and of what ``report`` has written.

A README marks the places::

    <!-- table dark/decoding synthetic -->
    <!-- end of table -->

Between the two lines stands the table on that dataset.
"""

import os
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from .measured import Measured, read_measured
from .table import Row, TableOnData, find_table

__all__ = ['fill_tables']

_PLACE = re.compile(r'(<!-- table (\S+) (\S+) -->\n).*?(<!-- end of table -->\n)', re.DOTALL)


def fill_tables(page: Path, results: Path, configs: Path) -> str:
    """The text of a README with its tables as they have to be.

    Args:
        page: The README.
        results: The folder of the json files that ``report`` writes.
        configs: The folder of the configs and tables.

    Raises:
        ValueError: If the page names a table or a dataset that does not exist, or a file is not one of ``report``.
    """

    def fill(match: re.Match[str]) -> str:
        start, name, data, end = match.groups()
        table = find_table(name, configs)
        if data not in table.data_sets:
            raise ValueError(f"'{match[0].splitlines()[0]}' must name one of {table.data_sets}, got {data!r}")
        result = results / f'{name.replace("/", "_")}_{data}.json'
        return start + _section(table.on(data), data, result, page.parent, configs) + end

    return _PLACE.sub(fill, page.read_text(encoding='utf-8'))


def _section(table: TableOnData, data: str, result: Path, folder: Path, configs: Path) -> str:
    key, measured = read_measured(result, lambda found: found['order_by']) if result.is_file() else (table.order_by, {})
    if measured:
        columns = [table.order_by] if any(table.order_by in row.paper for row in table.rows) else []
    else:
        columns = [column for column in table.columns if any(column in row.paper for row in table.rows)]
    headings = ['row', *(f'{column}, paper' for column in columns), *([f'{key}, ours'] if measured else []), 'config']
    lines = [*_wrap(f'*{table.title}* (`{table.name}` on `{data}`; {table.source}):'), '', *_rule(headings)]
    for row in table.rows:
        if measured and row.name not in measured:
            continue
        paper = [str(row.paper.get(column, '')) for column in columns]
        ours = [_figure(measured[row.name], key)] if measured else []
        cells = [_escape(row.name), *paper, *ours, _link(table, row, data, folder, configs)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join([*lines, '', *_wrap(_remark(table, key, measured, result, folder))]) + '\n'


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _rule(headings: list[str]) -> list[str]:
    return ['| ' + ' | '.join(headings) + ' |', '|---' * len(headings) + '|']


def _figure(row: Mapping[str, Mapping[str, float | None]], column: str) -> str:
    mean, spread = row['mean'][column], (row.get('spread') or {}).get(column)
    return f'{mean:.1f}' + (f' ± {spread:.1f}' if spread is not None else '')


def _link(table: TableOnData, row: Row, data: str, folder: Path, configs: Path) -> str:
    """A link to the config of a row's stage; options of the table are mentioned."""
    stage = table.stages[row.stage]
    path = os.path.relpath(configs / stage.config[data], folder)
    return f'[config]({path})' + (' + options' if stage.options or row.options else '')


def _remark(table: TableOnData, key: str, measured: Measured, result: Path, folder: Path) -> str:
    """What is measured and what is not, once for the table."""
    if not measured:
        paper = any(row.paper for row in table.rows)
        return 'None of these rows was trained by us.' + (
            '' if paper else ' The figures of the paper are not known to us.'
        )
    trainings = sorted({int(row['counts'][key] or 0) for row in measured.values()})
    one = 'One training of each row.'
    many = f'Mean and sample standard deviation of {" or ".join(map(str, trainings))} trainings.'
    page = os.path.relpath(result.with_suffix('.md'), folder)
    missing = [_escape(row.name) for row in table.rows if row.name not in measured]
    lines = [f'{one if trainings == [1] else many} [All figures]({page}).']
    return ' '.join(lines + ([f'Not measured: {"; ".join(missing)}.'] if missing else []))


def _escape(name: str) -> str:
    return name.replace('*', '\\*').replace('|', '\\|')
