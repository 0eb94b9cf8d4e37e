"""The report of one table: figures and images in a folder, from which the pages are made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmpose_ext.config import config_path
from mmpose_ext.lab.ablation import Plan

from .collect import collect, row_config
from .images import draw_differences, people_file
from .results import dump_results, read_results, results_name

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
    return any(run['status'] == 'done' for row in results.get('rows', []) for run in row['runs'])


def report_table(
    plan: Plan,
    out: Path,
    root: Path,
    options: Mapping[str, Any] | None = None,
    commands: Sequence[str] = (),
    speed: bool = True,
    images: int = 3,
) -> Path | None:
    """Write the results file of a plan, and an image of the people about whom two rows disagree most.

    Args:
        plan: From :func:`mmpose_ext.lab.ablation.make_plan`; it need not be done.
        out: Folder for ``<table>_<data>.json``; :func:`render_pages` makes the pages.
        root: The repository: its commit, and where relative paths of images start.
        options: Those that the plan was made with.
        commands: How to make the results again; only shown.
        speed: Measure the images per second.
        images: How many people to draw.

    Returns:
        The file; None if nothing of the plan has been run and the folder has results of an earlier one, which stay.
    """
    name = results_name(plan.table.name, plan.data)
    kept = out / f'{name}.json'
    nothing = not any(job.is_done for job in plan.tests.values())
    if nothing and kept.is_file() and _has_results(read_results(kept) or {}):
        return None
    results = collect(plan, root, options, commands, speed)
    extremes = extreme_rows(plan, results)
    if extremes and images:
        config_name, merged = row_config(plan, plan.table.rows[0], options or {})
        config = Config.fromfile(config_path(config_name))
        config.merge_from_dict(merged)
        results['images'] = draw_differences(*extremes, config, root, people_file(out, name), images)
    return dump_results(results, out)
