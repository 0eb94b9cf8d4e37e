"""Training curves, read from MMEngine's logs and drawn as SVG."""

import io
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from mmpose_ext.lab.visualization.figures import read_scalars

from .results import Json

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ['draw_curves', 'read_curve']

_MAX_POINTS = 200
_INK = '#010203'  # stands for the color of text in the drawing, see _clean


def _thin(steps: Sequence[int], values: Sequence[float]) -> dict[str, list[float]]:
    """At most _MAX_POINTS points: the means of neighbors."""
    group = -(-len(steps) // _MAX_POINTS) or 1
    spans = [slice(start, start + group) for start in range(0, len(steps), group)]
    return dict(
        x=[steps[span][-1] for span in spans],
        y=[float(f'{sum(values[span]) / len(values[span]):.5g}') for span in spans],
    )


def read_curve(folder: str, metric: str, scale: float) -> Json:
    """Loss over iterations and validation metric over epochs of one training.

    Args:
        folder: Work directory of the training.
        metric: Name of the metric in the log.
        scale: Its figures are multiplied by this.

    Returns:
        ``loss`` and ``metric``, each with lists ``x`` and ``y``, which are empty without a log. Losses are means over
        neighboring records if there are more than 200.
    """
    records = read_scalars(folder)

    def series(key: str) -> dict[int, float]:
        # a resumed run logs some steps again: the later value counts; json has no NaN
        found = {int(record['step']): float(record[key]) for record in records if key in record}
        return {step: found[step] for step in sorted(found) if isfinite(found[step])}

    losses, metrics = series('loss'), series(metric)
    return dict(
        loss=_thin(list(losses), list(losses.values())),
        metric=dict(x=list(metrics), y=[round(scale * value, 4) for value in metrics.values()]),
    )


def _clean(svg: str) -> str:
    """Matplotlib's SVG as part of a page: no prologue, ids of its own, text in the color of the page."""
    svg = svg[svg.index('<svg') :]
    for before in ('id="', 'url(#', 'href="#'):
        svg = svg.replace(before, f'{before}curves-')
    head, _, body = svg.partition('>')
    return f'{head} role="img" aria-label="Curves of the trainings">{body}'.replace(_INK, 'currentColor')


def _scale_losses(axes: 'Axes', values: Sequence[float]) -> None:
    """A logarithmic axis; if likelihoods are below 0, an axis that is linear up to the smallest loss of a training."""
    if all(value > 0 for value in values):
        axes.set_yscale('log')
    else:
        axes.set_yscale('symlog', linthresh=max(1e-3, min(abs(value) for value in values)))


def _plain(text: str) -> str:
    """Text without control characters, which SVG cannot hold."""
    return ''.join(character if character.isprintable() else '\N{REPLACEMENT CHARACTER}' for character in text)


def _draw_panel(axes: 'Axes', curves: Sequence[Mapping[str, Any]], name: str, label: tuple[str, str]) -> None:
    stages = list(dict.fromkeys(curve['stage'] for curve in curves))
    first: dict[str, Artist] = {}
    for curve in curves:
        index = stages.index(curve['stage'])
        # thin lines for the seeds, one color and dash for each stage, which are not told apart by the color alone
        (line,) = axes.plot(
            curve[name]['x'],
            curve[name]['y'],
            color=f'C{index % 10}',
            linestyle=('-', '--', ':', '-.')[index % 4],
            linewidth=1,
            marker='.' if len(curve[name]['x']) < 30 else None,
        )
        first.setdefault(curve['stage'], line)
    if name == 'loss':
        _scale_losses(axes, [value for curve in curves for value in curve['loss']['y']])
    # names are no formulas, even if they hold dollar signs, and are shown if they begin with an underscore
    axes.set_xlabel(label[0], parse_math=False)
    axes.set_ylabel(_plain(label[1]), parse_math=False)
    axes.grid(alpha=0.25)
    legend = axes.legend([*first.values()], ['x'] * len(first), framealpha=0, fontsize='small')
    for text, stage in zip(legend.get_texts(), first, strict=True):
        text.set_parse_math(False)
        text.set_text(_plain(str(stage)))


def draw_curves(curves: Sequence[Mapping[str, Any]], column: str) -> str:
    """Draw the loss and the metric of all trainings of a table, side by side.

    Args:
        curves: Of each training ``stage``, ``seed`` and what :func:`read_curve` returns.
        column: The table's heading of the metric.

    Returns:
        An SVG element, or '' if no curve has points.
    """
    import matplotlib
    from matplotlib.figure import Figure

    labels = {'loss': ('iteration', 'training loss'), 'metric': ('epoch', f'validation {column}')}
    panels = {name: [curve for curve in curves if curve[name]['x']] for name in labels}
    panels = {name: found for name, found in panels.items() if found}
    if not panels:
        return ''
    style = {
        'svg.hashsalt': 'curves',  # the same ids, and so the same file, every time
        'svg.fonttype': 'none',
        'font.family': 'sans-serif',
        **dict.fromkeys(('text.color', 'axes.labelcolor', 'axes.edgecolor', 'xtick.color', 'ytick.color'), _INK),
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(5 * len(panels), 3.2), layout='constrained')
        for axes, (name, found) in zip(
            figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True
        ):
            _draw_panel(axes, found, name, labels[name])
        buffer = io.StringIO()
        no_metadata = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
        figure.savefig(buffer, format='svg', transparent=True, metadata=no_metadata)
    return _clean(buffer.getvalue())
