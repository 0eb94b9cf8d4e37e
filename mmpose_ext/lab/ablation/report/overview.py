"""All rows of several tables in one plot, from the json files that reports have written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mmpose_ext.files import parse_json

__all__ = ['plot_overview']

_HEIGHT_OF_ROW = 0.17  # inches


@dataclass(frozen=True)
class _Dot:
    """One row of a table: its mean and, of several trainings, its spread."""

    table: str
    row: str
    mean: float
    spread: float | None


def _dots(file: Path, metric: str) -> list[_Dot]:
    """The rows of a table that have the metric."""
    try:
        content = cast('dict[str, Any]', parse_json(file.read_text(encoding='utf-8')))
        table = content['table']
        columns = [column for column, name in table['metrics'].items() if name == metric]
        return [
            _Dot(table['name'], row['name'], row['mean'][column], (row.get('spread') or {}).get(column))
            for column in columns[:1]
            for row in content['rows']
            if (row.get('mean') or {}).get(column) is not None
        ]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f'a file of results must be as ablation.py report writes it, got {str(file)!r}: {error}'
        ) from error


def plot_overview(results: Path, tables: Sequence[str], data: str, metric: str, label: str, path: Path) -> None:
    """Draw one dot for each row, table by table; a bar shows the standard deviation of several trainings.

    Args:
        results: Folder of the json files that ``report`` writes.
        tables: Names of the tables, from top to bottom. A row that an earlier table has, too, is drawn again.
        data: The dataset.
        metric: Name of the metric in the logs, such as 'PCK/Mean'.
        label: What the axis says.
        path: The drawing; its suffix chooses the format.

    Raises:
        ValueError: If a table has not been reported on this dataset, or has not measured this metric.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    groups: list[list[_Dot]] = []
    for name in tables:
        file = results / f'{name.replace("/", "_")}_{data}.json'
        groups.append(_dots(file, metric) if file.is_file() else [])
        if not groups[-1]:
            raise ValueError(f"'tables' must have rows with {metric!r} on {data!r} in {results}, got {name!r}")
    rows = sum(len(group) + 1 for group in groups)
    with matplotlib.rc_context({'font.size': 8, 'svg.hashsalt': 'overview', 'axes.spines.right': False}):
        figure, axes = pyplot.subplots(figsize=(7, _HEIGHT_OF_ROW * rows + 0.6), layout='constrained')
        place, ticks, names = 0, [], []
        for index, group in enumerate(groups):
            axes.text(0, place, group[0].table, fontweight='bold', va='center')
            for dot in group:
                place += 1
                axes.errorbar(dot.mean, place, xerr=dot.spread, fmt='o', color=f'C{index % 10}', markersize=4)
                ticks.append(place)
                names.append(dot.row)
            place += 1
        axes.set_yticks(ticks, names)
        axes.set_ylim(place - 0.5, -1)
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.grid(axis='x', alpha=0.3)
        figure.savefig(path, metadata={'Date': None} if path.suffix == '.svg' else None)
        pyplot.close(figure)
