"""The figures of a table: what its jobs left on disk and what its configs say, as plain data for json.

The keys of a results file::

    kind, table (name, title, source, note, columns, metrics, order_by, scale, lower_is_better), data, seeds
    versions, commit, changed_files, date, commands
    rows: name, stage, uses {option: stage}, shared, options, config, paper {column: figure}, status,
          runs [{seed, status, reason, metrics {column: figure}}], mean {column}, spread {column}, counts {column},
          params, multiply_adds, gflops, input_size, images_per_second
    speed: how images_per_second was measured, or null
    order: pairs of rows, see stats.Pair
    curves: [{stage, seed, loss {x, y}, metric {x, y}}]
    images: see images.draw_differences, or null

Figures are in the paper's unit; figures that were not measured are null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any, cast

from mmengine.config import Config

from mmpose_ext.config import config_path
from mmpose_ext.files import parse_json
from mmpose_ext.lab.ablation import Job, Plan, Row, TableOnData
from mmpose_ext.lab.profiling.complexity import model_complexity

from .curves import read_curve
from .provenance import provenance
from .results import KIND, Json
from .speed import images_per_second
from .stats import compare_order, mean_and_spread

__all__ = ['collect', 'row_config']


def row_config(plan: Plan, row: Row, options: Mapping[str, Any]) -> tuple[str, Json]:
    """Name of the config that a row is tested with, and all options on top of it.

    Args:
        plan: The plan.
        row: One of its table.
        options: Those that the plan was made with.
    """
    stage = plan.table.stages[row.stage]
    jobs = {key: plan.trainings[used] for key, used in plan.used(row.stage, 0).items()}
    # weights that are not trained yet are left out: the size and the speed of the model do not depend on them
    parts = {key: job.output for key, job in jobs.items() if key.startswith('model.') and job.is_done}
    return stage.config[plan.data], {**stage.options, **options, **parts, **row.options}


def _state(job: Job) -> tuple[str, str]:
    """The status of a job, and if it failed the last line of its log."""
    if job.is_done:
        return 'done', ''
    log = Path(job.output).parent / 'job.log'
    if not log.is_file():
        return 'not run', ''
    lines = [
        line.strip() for line in log.read_text(encoding='utf-8', errors='replace').splitlines()[-80:] if line.strip()
    ]
    if any(line.startswith('Traceback') for line in lines):
        return 'failed', lines[-1][:300]
    return 'unfinished', ''


def _read_metrics(path: Path) -> dict[str, float]:
    try:
        logged = cast('dict[str, float]', parse_json(path.read_text(encoding='utf-8')))
        return {name: float(value) for name, value in logged.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f'the metrics of a test must be numbers by name in json, got {str(path)!r}: {error}'
        ) from error


def _run(plan: Plan, row: Row, seed: int) -> Json:
    """Status and metrics of one row and seed."""
    test = plan.tests[row.name, seed]
    status, reason = _state(test)
    if status == 'not run':  # then the status is that of the training
        key = plan.awaited(row.stage, seed)
        training = 'training' if key[0] == row.stage else f'training of {key[0]}'
        trained, why = _state(plan.trainings[key])
        status, reason = {
            'done': ('not run', 'trained, not tested'),
            'failed': ('failed', f'{training}: {why}'),
            'unfinished': ('unfinished', training),
        }.get(trained, (status, reason))
    metrics: dict[str, float] = {}
    if status == 'done':
        logged = _read_metrics(Path(test.output))
        for column, metric in plan.table.columns.items():
            if isfinite(logged.get(metric, float('nan'))):
                metrics[column] = round(logged[metric] * plan.table.scale[column], 6)
    return dict(seed=seed, status=status, reason=reason, metrics=metrics)


def _status(runs: Sequence[Mapping[str, Any]]) -> str:
    """The row's status: that of all its runs, or how many are done, or the worst."""
    found = {run['status'] for run in runs}
    if 'done' in found and len(found) > 1:
        return f'{sum(run["status"] == "done" for run in runs)} of {len(runs)} seeds'
    return next(status for status in ('failed', 'unfinished', 'not run', 'done') if status in found)


def _collect_row(plan: Plan, row: Row, options: Mapping[str, Any]) -> Json:
    stage = plan.table.stages[row.stage]
    config, options = row_config(plan, row, options)
    runs = [_run(plan, row, seed) for seed in range(plan.seeds) if (row.name, seed) in plan.tests]
    values = {
        column: [run['metrics'][column] for run in runs if column in run['metrics']] for column in plan.table.columns
    }
    summary = {column: mean_and_spread(found) for column, found in values.items()}
    try:
        complexity = model_complexity(config_path(config), cfg_options=options)
        cost = dict(
            params=complexity.params,
            multiply_adds=complexity.multiply_adds,
            gflops=complexity.paper_multiply_adds / 2**30,
            input_size=list(complexity.input_size),
        )
    except ValueError:  # a head without a codec names no input size
        cost = dict.fromkeys(('params', 'multiply_adds', 'gflops', 'input_size'))
    return dict(
        name=row.name,
        stage=row.stage,
        uses=dict(stage.uses),
        shared=stage.shared,
        options=dict(row.options),
        config=config,
        paper=dict(row.paper),
        status=_status(runs),
        runs=runs,
        mean={column: mean for column, (mean, _) in summary.items()},
        spread={column: spread for column, (_, spread) in summary.items()},
        counts={column: len(found) for column, found in values.items()},
        **cost,
        images_per_second=None,
    )


def _measure_speed(plan: Plan, rows: Sequence[Json], options: Mapping[str, Any]) -> Json:
    """Fill ``images_per_second`` of all rows; returns how it was measured."""
    configs = {}
    for row in plan.table.rows:
        name, merged = row_config(plan, row, options)
        configs[row.name] = Config.fromfile(config_path(name))
        configs[row.name].merge_from_dict(merged)
    speeds, how = images_per_second(configs)
    for content in rows:
        content['images_per_second'] = float(f'{speeds[content["name"]]:.4g}')
    return how


def _describe(table: TableOnData) -> Json:
    return dict(
        name=table.name,
        title=table.title,
        source=table.source,
        note=table.note,
        columns=list(table.columns),
        metrics=dict(table.columns),
        order_by=table.order_by,
        scale=dict(table.scale),
        lower_is_better=table.lower_is_better,
    )


def collect(
    plan: Plan,
    root: Path,
    options: Mapping[str, Any] | None = None,
    commands: Sequence[str] = (),
    speed: bool = True,
) -> Json:
    """Collect everything that a report of a plan shows, except its images.

    Args:
        plan: From :func:`mmpose_ext.lab.ablation.make_plan`.
        root: The repository, for its commit.
        options: Those that the plan was made with.
        commands: How to make the results again; only shown.
        speed: Measure the images per second, which takes about 10 seconds for each model.

    Returns:
        See the module's docstring.
    """
    table, options = plan.table, options or {}
    rows = [_collect_row(plan, row, options) for row in table.rows]
    for run in (run for row in rows for run in row['runs']):
        run['reason'] = run['reason'].replace(f'{root}/', '')  # a report is read elsewhere
    column = table.order_by
    paper = {row.name: row.paper[column] for row in table.rows if column in row.paper}
    ours = {
        row['name']: {run['seed']: run['metrics'][column] for run in row['runs'] if column in run['metrics']}
        for row in rows
    }
    shared = {row['name'] for row in rows if row['shared']}
    metric = table.columns[column]
    return dict(
        kind=KIND,
        table=_describe(table),
        data=plan.data,
        seeds=plan.seeds,
        **provenance(root),
        commands=list(commands),
        rows=rows,
        speed=_measure_speed(plan, rows, options) if speed else None,
        order=[asdict(pair) for pair in compare_order(paper, ours, shared, table.lower_is_better)],
        curves=[
            dict(stage=stage, seed=seed, **read_curve(str(Path(job.output).parent), metric, table.scale[column]))
            for (stage, seed), job in plan.trainings.items()
        ],
        images=None,
    )
