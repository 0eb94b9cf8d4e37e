"""Text for the templates of a report: headings, cells and sentences made from a results file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .results import Json

__all__ = ['failures', 'order_counts', 'order_lines', 'order_sentence', 'table_view']

_NONE = '–'
_VERDICTS = {'agrees': 'as in the paper', 'tie': 'tied', 'disagrees': 'the other way round', 'open': 'not measured'}


def _digits(values: Sequence[float]) -> int:
    """Decimals for figures of this size: 47.12, 0.4712."""
    return 2 if max(map(abs, values), default=0) >= 2 else 4


def _means(results: Mapping[str, Any], column: str) -> list[float]:
    """The figures of all rows that have one."""
    return [row['mean'][column] for row in results['rows'] if row['mean'][column] is not None]


def _cell(text: str, value: float | str | None, small: str = '') -> Json:
    """Text of a cell, what the table is sorted by, and a second line."""
    return dict(text=text, value='' if value is None else value, small=small)


def _number(value: float | None, form: str) -> Json:
    return _cell(_NONE if value is None else format(value, form), value)


def _ours(row: Mapping[str, Any], column: str, digits: int) -> Json:
    mean, spread, count = (row[key][column] for key in ('mean', 'spread', 'counts'))
    if mean is None:
        return _cell(_NONE if row['status'] == 'done' else row['status'], None)
    text = f'{mean:.{digits}f}' + ('' if spread is None else f' ± {spread:.{digits}f}')
    done = sum(run['status'] == 'done' for run in row['runs'])
    return _cell(text, mean, f'{count} of {done} seeds' if count < done else '')


def _paper(row: Mapping[str, Any], column: str) -> Json:
    figure = row['paper'].get(column)
    return _cell(_NONE if figure is None else str(figure), figure)  # as many digits as in the paper


def _cells(results: Mapping[str, Any], row: Mapping[str, Any], digits: Mapping[str, int]) -> list[Json]:
    settings = [f'{key.rpartition(".")[2]}={value}' for key, value in row['options'].items()]
    # results files of earlier versions have neither
    settings += [f'uses {stage} ({key})' for key, stage in row.get('uses', {}).items()]
    settings += ['one training for all seeds'] if row.get('shared') and results['seeds'] > 1 else []
    cells = [_cell(row['name'], row['name'], ', '.join(settings))]
    for column in results['table']['columns']:
        cells += [_ours(row, column, digits[column]), _paper(row, column)]
    millions = None if row['params'] is None else row['params'] / 1e6
    width, height = row['input_size'] or (0, 0)
    cells.append(_cell(f'{height}x{width}' if width else _NONE, width * height or None))
    cells += [_number(millions, '.1f'), _number(row['gflops'], '.2f'), _number(row['images_per_second'], '.4g')]
    return [*cells, _cell(row['status'], row['status'])]


def table_view(results: Mapping[str, Any]) -> Json:
    """Headings and cells of the main table.

    Returns:
        ``groups`` (text and number of columns), ``heads`` (text and whether figures stand below it) and ``rows``,
        lists of cells with ``text``, ``value`` to sort by ('' if unknown) and ``small``, a second line.
    """
    columns = results['table']['columns']
    digits = {column: _digits(_means(results, column)) for column in columns}
    heads = [('row', False)]
    for _ in columns:
        heads += [('ours', True), ('paper', True)]
    heads += [('input', True), ('params, M', True), ('GFLOPs', True), ('images/s', True), ('state', False)]
    return dict(
        groups=[('', 1), *((column, 2) for column in columns), ('cost', 4), ('', 1)],
        heads=heads,
        rows=[_cells(results, row, digits) for row in results['rows']],
    )


def order_counts(results: Mapping[str, Any]) -> Mapping[str, int]:
    """Number of pairs of rows by verdict."""
    return Counter(pair['verdict'] for pair in results['order'])


def order_sentence(results: Mapping[str, Any]) -> str:
    """Whether the order agrees, in one sentence."""
    counts, total = order_counts(results), len(results['order'])
    if not total:
        return 'There are no figures of the paper to compare the order of the rows with.'
    if counts['open'] == total:
        return 'The order of the rows is not measured yet.'
    parts = [f'{counts[verdict]} {text}' for verdict, text in _VERDICTS.items() if counts[verdict]]
    order = f'Order by {results["table"]["order_by"]}'
    if counts['agrees'] == total:
        return f'{order}: {f"all {total} pairs" if total > 1 else "the pair"} of rows as in the paper.'
    return f'{order}: of {total} pairs of rows {", ".join(parts)}.'


def order_lines(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each pair of rows as text: ``pair``, ``paper``, ``ours``, ``verdict``, ``kind``.

    Pairs that disagree with the paper come first. In a pair, the row with the better figure in the paper comes first.
    """
    # results files of earlier versions do not say it
    lower = results['table'].get('lower_is_better', False)
    sign = -1 if lower else 1
    digits = _digits(_means(results, results['table']['order_by']))
    rank = {'disagrees': 0, 'tie': 1, 'open': 2, 'agrees': 3}
    lines = []
    for pair in sorted(results['order'], key=lambda pair: rank[pair['verdict']]):
        ours = _NONE if pair['ours'] is None else f'{sign * pair["ours"]:+.{digits}f}'
        if pair['spread'] is not None:
            ours += f' ± {pair["spread"]:.{digits}f}'
        lines.append(
            dict(
                pair=f'{pair["first"]} {"<" if lower else ">"} {pair["second"]}',
                paper=f'{sign * round(pair["paper"], 6):+g}',
                ours=ours,
                verdict=_VERDICTS[pair['verdict']],
                kind=pair['verdict'],
            )
        )
    return lines


def failures(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """The runs that are not done, equal ones of a row together: ``run`` with its status, ``reason`` ('' if unknown)."""
    lines = []
    for row in results['rows']:
        groups: dict[tuple[str, str], list[int]] = {}
        for run in row['runs']:
            if run['status'] != 'done':
                groups.setdefault((run['status'], run['reason']), []).append(run['seed'])
        for (status, reason), seeds in groups.items():
            which = 'all seeds' if len(seeds) == len(row['runs']) else f'seed {", ".join(map(str, seeds))}'
            lines.append(dict(run=f'{row["name"]}, {which}: {status}', reason=reason))
    return lines
