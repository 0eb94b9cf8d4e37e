"""All rows of several tables in one plot, from the json files that reports have written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpose_ext.lab.ablation.measured import Measured, read_measured

__all__ = ['plot_overview']

_HEIGHT_OF_ROW = 0.17  # inches


def _column(table: Mapping[str, Any], metric: str) -> str:
    """The table's column of a metric, or '' if it has none."""
    return next((column for column, name in table['metrics'].items() if name == metric), '')


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

    groups: list[tuple[str, Measured]] = []
    for name in tables:
        file = results / f'{name.replace("/", "_")}_{data}.json'
        groups.append(read_measured(file, lambda table: _column(table, metric)) if file.is_file() else ('', {}))
        if not groups[-1][1]:
            raise ValueError(f"'tables' must have rows with {metric!r} on {data!r} in {results}, got {name!r}")
    rows = sum(len(group) + 1 for _, group in groups)
    with matplotlib.rc_context({'font.size': 8, 'svg.hashsalt': 'overview', 'axes.spines.right': False}):
        figure, axes = pyplot.subplots(figsize=(7, _HEIGHT_OF_ROW * rows + 0.6), layout='constrained')
        place, ticks, names = 0, [], []
        for index, (table, (column, group)) in enumerate(zip(tables, groups, strict=True)):
            axes.text(0, place, table, fontweight='bold', va='center')
            for row, found in group.items():
                place += 1
                spread = (found.get('spread') or {}).get(column)
                axes.errorbar(found['mean'][column], place, xerr=spread, fmt='o', color=f'C{index % 10}', markersize=4)
                ticks.append(place)
                names.append(row)
            place += 1
        axes.set_yticks(ticks, names)
        axes.set_ylim(place - 0.5, -1)
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.grid(axis='x', alpha=0.3)
        figure.savefig(path, metadata={'Date': None} if path.suffix == '.svg' else None)
        pyplot.close(figure)
