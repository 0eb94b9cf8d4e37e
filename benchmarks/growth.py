"""How time and memory grow with people, joints, the size of maps and the number of processes, as one plot and a table.

    python -m benchmarks.growth [--plot docs/images/growth.svg]

Each column of the plot changes one number and keeps the others at 32 people, 17 joints, maps of 64x48 and one process.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import matplotlib
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from matplotlib.figure import Figure
from torch.profiler import ProfilerActivity, profile

from benchmarks.cases import machine, set_threads
from mmpose_ext.functional import soft_argmax_scores, weighted_reduce
from mmpose_ext.lab.profiling.timing import measure_turns
from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

__all__ = ['AXES', 'Growth', 'Load', 'draw', 'measure_growth', 'table']


@dataclass(frozen=True)
class Load:
    """What is computed at once: B people with K joints, on maps of width ``side`` and height 4/3 of it."""

    people: int = 32
    joints: int = 17
    side: int = 48
    processes: int = 1

    @property
    def map_size(self) -> tuple[int, int]:
        """(W, H) in cells."""
        return self.side, self.side * 4 // 3


AXES: Mapping[str, tuple[int, ...]] = {
    'people': (8, 16, 32, 64, 128),
    'joints': (17, 34, 68, 133),
    'side': (24, 48, 72, 96),
    'processes': (1, 2),
}
_CALLS = 20  # of a function in a turn of several processes
_LABELS = {'people': 'people', 'joints': 'joints', 'side': 'width of the maps in cells', 'processes': 'processes'}
Functions = dict[str, Callable[[], object]]


@dataclass
class Growth:
    """Seconds and bytes of each function along an axis: one number for each of its values."""

    seconds: dict[str, list[float]]
    memory: dict[str, list[int]]


def _functions(load: Load, device: str) -> Functions:
    """A step's work in this package: targets, decodings, and losses with their gradients."""
    (width, height), generator = load.map_size, torch.Generator().manual_seed(0)
    sizes = dict(input_size=(4 * width, 4 * height), heatmap_size=load.map_size)
    dark = KEYPOINT_CODECS.build(dict(type='mmpose_ext.DarkHeatmap', **sizes))
    points = torch.rand(load.people, load.joints, 2, generator=generator)
    pixels = (points * torch.tensor([4.0 * width - 1, 4.0 * height - 1])).to(device)
    maps = dark.encode_batch(pixels)['heatmaps']
    weights = torch.ones(load.people, load.joints, device=device)
    loss = MODELS.build(dict(type='mmpose_ext.RLELoss')).to(device)
    noise = (points + 0.05 * torch.randn(points.shape, generator=generator)).to(device)
    labels, raw = points.to(device), torch.zeros_like(points, device=device) - 2

    def rle() -> None:
        loss.zero_grad()
        loss(noise.clone().requires_grad_(), raw.clone().requires_grad_(), labels, weights).backward()

    def map_loss() -> None:
        found = maps.detach().requires_grad_()
        weighted_reduce((found - maps).square().mean((-2, -1)), weights, 'valid').backward()

    return {
        'targets of DARK': lambda: dark.encode_batch(pixels),
        'decoding by DARK': lambda: dark.batch_decode(maps),
        'soft-argmax with scores': lambda: soft_argmax_scores(maps),
        'loss of maps': map_loss,
        'RLE loss': rle,
    }


def _peak(function: Callable[[], object], device: str) -> int:
    """Bytes that a call allocates at most at one time beside what was there before."""
    function()
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        function()
    used = peak = 0
    for event in sorted(record.events(), key=lambda one: one.time_range.end):
        used += event.self_cpu_memory_usage
        peak = max(peak, used)
    return peak


def _measured(load: Load, device: str, rounds: int, block: float) -> tuple[dict[str, float], dict[str, int]]:
    functions = _functions(load, device)
    # on a CPU, what this process works counts, and not what it waits while others do
    wait, clock = (torch.cuda.synchronize, None) if device == 'cuda' else (None, time.process_time)
    turns = measure_turns(functions, rounds, block, wait, clock)
    times = {name: median(values) for name, values in turns.items()}
    return times, {name: _peak(function, device) for name, function in functions.items()}


def _process(rank: int, load: Load, rounds: int, folder: str) -> None:
    """One of several processes, which have a batch of ``load.people`` each and reduce their losses together."""
    torch.set_num_threads(1)
    dist.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=load.processes)
    functions = _functions(load, 'cpu')
    times: dict[str, float] = {}
    for name, function in functions.items():
        turns = []
        for _ in range(rounds * _CALLS):  # all have to call a function equally often
            start = time.perf_counter()
            function()
            turns.append(time.perf_counter() - start)
        times[name] = median(turns)
    memory = {name: _peak(function, 'cpu') for name, function in functions.items()}
    if rank == 0:
        torch.save((times, memory), f'{folder}/found')
    dist.barrier()
    dist.destroy_process_group()


def _of_processes(load: Load, rounds: int) -> tuple[dict[str, float], dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_process, (load, rounds, folder), load.processes)
        times, memory = torch.load(f'{folder}/found', weights_only=True)
    return times, memory


def measure_growth(
    rounds: int = 5, block: float = 0.05, axes: Mapping[str, tuple[int, ...]] = AXES
) -> dict[str, Growth]:
    """Time and memory of each function along each axis, on one thread of each process or on a GPU.

    Args:
        rounds: Number of turns of each function.
        block: Seconds that a turn takes at least.
        axes: Fields of :class:`Load` and their values. Processes compute on the CPU.

    Returns:
        By axis.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    found: dict[str, Growth] = {}
    with set_threads(1):
        for axis, values in axes.items():
            loads = [replace(Load(), **{axis: value}) for value in values]
            several = axis == 'processes'
            points = [_of_processes(one, rounds) if several else _measured(one, device, rounds, block) for one in loads]
            names = list(points[0][0])
            found[axis] = Growth(
                {name: [times[name] for times, _ in points] for name in names},
                {name: [memory[name] for _, memory in points] for name in names},
            )
    return found


def _exponent(values: Sequence[float], numbers: Sequence[int]) -> str:
    """P where the last of the values has grown as the number to the power of p; a dash for too little memory."""
    if min(values) <= 0:
        return '-'
    return f'{math.log(values[-1] / values[0]) / math.log(numbers[-1] / numbers[0]):.2f}'


def table(found: Mapping[str, Growth], axes: Mapping[str, tuple[int, ...]] = AXES) -> list[str]:
    """Lines in Markdown: for each function and axis the first and the last time and memory, and their exponents."""
    lines = [
        '| | from | to | ms | time grows as n^ | MiB | memory grows as n^ |',
        '|---|---:|---:|---:|---:|---:|---:|',
    ]
    for axis, growth in found.items():
        numbers = axes[axis]
        for name, seconds in growth.seconds.items():
            memory = growth.memory[name]
            cells = [f'{name}, {_LABELS[axis]}', str(numbers[0]), str(numbers[-1])]
            cells += [f'{1000 * seconds[0]:.2f} to {1000 * seconds[-1]:.2f}', _exponent(seconds, numbers)]
            cells += [f'{memory[0] / 2**20:.1f} to {memory[-1] / 2**20:.1f}', _exponent(memory, numbers)]
            lines.append(f'| {" | ".join(cells)} |')
    return lines


def draw(found: Mapping[str, Growth], path: Path, axes: Mapping[str, tuple[int, ...]] = AXES) -> None:
    """One plot: a column for each axis, times above and memory below, both axes logarithmic."""
    figure = Figure(figsize=(3 * len(found), 5.5), layout='constrained')
    cells = figure.subplots(2, len(found), sharey='row', squeeze=False)
    for column, (axis, growth) in enumerate(found.items()):
        milli = {name: [1000 * value for value in values] for name, values in growth.seconds.items()}
        mebi = {name: [value / 2**20 for value in values] for name, values in growth.memory.items()}
        for row, (label, lines) in enumerate((('ms', milli), ('MiB', mebi))):
            cell = cells[row][column]
            for name, values in lines.items():
                cell.plot(axes[axis], values, marker='o', markersize=3, label=name)
            cell.set_xscale('log')
            cell.set_yscale('log')
            cell.set_xticks(axes[axis], [str(value) for value in axes[axis]])
            cell.minorticks_off()
            cell.grid(alpha=0.3)
            if column == 0:
                cell.set_ylabel(label)
            if row == 1:
                cell.set_xlabel(_LABELS[axis])
    handles, labels = cells[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=len(labels), fontsize='small', frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'growth'}):  # text, and the same file each time
        figure.savefig(path, metadata={'Date': None})


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, help='turns of each function (default: %(default)s)')
    parser.add_argument('--plot', type=Path, help='where to write the plot, for example growth.svg')
    arguments = parser.parse_args()
    measured = measure_growth(arguments.rounds)
    print('\n'.join([f'{machine(1)}, median of {arguments.rounds} turns', '', *table(measured)]))
    if arguments.plot:
        draw(measured, arguments.plot)
