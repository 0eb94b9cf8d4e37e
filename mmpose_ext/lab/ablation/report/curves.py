"""Training curves: out of MMEngine's logs, and drawn as SVG."""

import io
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from mmpose_ext.lab.visualization.figures import read_scalars

__all__ = ['draw_curves', 'read_curve']

_MAX_POINTS = 200
_INK = '#010203'  # stands for the colour of text in the drawing, see _clean


def _thin(steps: Sequence[int], values: Sequence[float]) -> dict[str, list[float]]:
    """At most _MAX_POINTS points: the means of neighbours."""
    group = -(-len(steps) // _MAX_POINTS) or 1
    spans = [slice(start, start + group) for start in range(0, len(steps), group)]
    return dict(
        x=[steps[span][-1] for span in spans],
        y=[float(f'{sum(values[span]) / len(values[span]):.5g}') for span in spans],
    )


def read_curve(folder: str, metric: str, scale: float) -> dict[str, Any]:
    """Loss over iterations and validation metric over epochs of one training.

    Args:
        folder: Work directory of the training.
        metric: Name of the metric in the log.
        scale: Its figures are multiplied by this.

    Returns:
        ``loss`` and ``metric``, each with lists ``x`` and ``y``, which are empty without a log. Losses are means over
        neighbouring records if there are more than 200.
    """
    records = read_scalars(folder)

    def series(key: str) -> dict[int, float]:
        # what was logged twice because a run was resumed keeps its later value; json has no NaN
        found = {int(record['step']): record[key] for record in records if key in record}
        return {step: found[step] for step in sorted(found) if isfinite(found[step])}

    losses, metrics = series('loss'), series(metric)
    return dict(
        loss=_thin(list(losses), list(losses.values())),
        metric=dict(x=list(metrics), y=[round(scale * value, 4) for value in metrics.values()]),
    )


def _clean(svg: str, name: str) -> str:
    """Matplotlib's SVG as part of a page: no prologue, ids of its own, text in the colour of the page."""
    svg = svg[svg.index('<svg') :]
    for before in ('id="', 'url(#', 'href="#'):
        svg = svg.replace(before, f'{before}{name}-')
    head, _, body = svg.partition('>')
    label = 'training loss' if name == 'loss' else 'validation metric'
    return f'{head} role="img" aria-label="Curves of the {label}">{body}'.replace(_INK, 'currentColor')


def _scale_losses(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic axis; where likelihoods go below 0, one that is linear up to the smallest loss of a training."""
    if all(value > 0 for value in values):
        axes.set_yscale('log')
    else:
        axes.set_yscale('symlog', linthresh=max(1e-3, min(abs(value) for value in values)))


def _draw(curves: Sequence[Mapping[str, Any]], name: str, xlabel: str, ylabel: str) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    style = {
        'svg.hashsalt': name,  # the same ids, and so the same file, every time
        'svg.fonttype': 'none',
        'font.family': 'sans-serif',
        **dict.fromkeys(('text.color', 'axes.labelcolor', 'axes.edgecolor', 'xtick.color', 'ytick.color'), _INK),
    }
    stages = list(dict.fromkeys(curve['stage'] for curve in curves))
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(5, 3.2), layout='constrained')
        axes = figure.subplots()
        for curve in curves:
            index = stages.index(curve['stage'])
            # thin lines for the seeds, one colour and dash for each stage: not told apart by colour alone
            axes.plot(
                curve[name]['x'],
                curve[name]['y'],
                color=f'C{index % 10}',
                linestyle=('-', '--', ':', '-.')[index % 4],
                linewidth=1,
                marker='.' if len(curve[name]['x']) < 30 else None,
                label=None if any(line.get_label() == curve['stage'] for line in axes.lines) else curve['stage'],
            )
        if name == 'loss':
            _scale_losses(axes, [value for curve in curves for value in curve['loss']['y']])
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid(alpha=0.25)
        axes.legend(framealpha=0, fontsize='small')
        buffer = io.StringIO()
        no_metadata = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
        figure.savefig(buffer, format='svg', transparent=True, metadata=no_metadata)
    return _clean(buffer.getvalue(), name)


def draw_curves(curves: Sequence[Mapping[str, Any]], column: str) -> dict[str, str]:
    """Draw the loss and the metric of all trainings of a table.

    Args:
        curves: Of each training ``stage``, ``seed`` and what :func:`read_curve` returns.
        column: The table's heading of the metric.

    Returns:
        SVG elements by 'loss' and 'metric'; without those that have no points.
    """
    labels = {'loss': ('iteration', 'training loss'), 'metric': ('epoch', f'validation {column}')}
    return {
        name: _draw([curve for curve in curves if curve[name]['x']], name, *text)
        for name, text in labels.items()
        if any(curve[name]['x'] for curve in curves)
    }
