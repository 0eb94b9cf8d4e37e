"""The report of one table: figures and pictures into a folder, from which the pages are made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose_ext.config import config_path
from mmpose_ext.lab.ablation import Plan

from .collect import collect, row_config
from .pages import dump_results, results_name
from .pictures import draw_differences

__all__ = ['extreme_rows', 'report_table']


def extreme_rows(plan: Plan, results: Mapping[str, Any], seed: int = 0) -> tuple[list[str], list[Path]] | None:
    """The rows with the lowest and the highest figure of one seed: names and predictions; None with fewer than two."""
    column = plan.table.order_by
    figures = {}
    for row in results['rows']:
        file = Path(plan.tests[row['name'], seed].output).with_name('predictions.pkl')
        if column in row['runs'][seed]['metrics'] and file.is_file():
            figures[row['name']] = row['runs'][seed]['metrics'][column], file
    if len(figures) < 2:
        return None
    names = sorted(figures, key=lambda name: figures[name][0])
    chosen = [names[0], names[-1]]
    return chosen, [figures[name][1] for name in chosen]


def _has_results(results: Mapping[str, Any]) -> bool:
    return any(run['status'] == 'done' for row in results['rows'] for run in row['runs'])


def report_table(
    plan: Plan,
    out: Path,
    root: Path,
    options: Mapping[str, Any] | None = None,
    commands: Sequence[str] = (),
    speed: bool = True,
    pictures: int = 6,
) -> Path | None:
    """Write the results file of a plan, and beside it the people about whom two rows disagree most.

    Args:
        plan: From :func:`mmpose_ext.lab.ablation.make_plan`; it need not be done.
        out: Folder for ``<table>_<data>.json``; :func:`render_pages` makes the pages.
        root: The repository: its commit, and where relative paths of pictures start.
        options: Those that the plan was made with.
        commands: How to make the results again; only shown.
        speed: Measure the pictures per second.
        pictures: How many people to draw.

    Returns:
        The file; None if nothing of the plan has been run and the folder has results of an earlier one, which stay.
    """
    name = results_name(dict(table=dict(name=plan.table.name), data=plan.data))
    kept = out / f'{name}.json'
    nothing = not any(job.is_done for job in plan.tests.values())
    if nothing and kept.is_file() and _has_results(json.loads(kept.read_text(encoding='utf-8'))):
        return None
    results = collect(plan, root, options, commands, speed)
    extremes = extreme_rows(plan, results)
    if extremes and pictures:
        config_name, merged = row_config(plan, plan.table.rows[0], options or {})
        config = Config.fromfile(config_path(config_name))
        config.merge_from_dict(merged)
        results['pictures'] = draw_differences(*extremes, config, root, out / name, pictures)
    return dump_results(results, out)
