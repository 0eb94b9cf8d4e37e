"""Training against MMPose: the same network, data, batch, workers and seeds, turn by turn in one run.

    python -m benchmarks.training [--threads 1] [--workers 1] [--rounds 3]

"MMPose" trains with its own head and codec, and its data workers draw the targets. "default" is a config of this
package as it is. "tuned" adds the crop cache, the channels-last format and the fused optimizer. "bfloat16" is "tuned"
with BFloat16OptimWrapper, which rounds more; MMPose has no such way on a CPU.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.utils import register_all_modules

from benchmarks.cases import CASES, TrainingCase, case_config, counterpart, machine, set_threads, write_people
from mmpose_ext.registry import MODELS

__all__ = ['Way', 'compare_training']

GOAL = 1.3  # the last way over MMPose
_NEVER_BELOW = 1.0


@dataclass
class Way:
    """One way to train: a model with its optimizer and data.

    Attributes:
        model: The network.
        wrapper: Its optimizer.
        loader: Its data.
        batch: Images in a step.
        steps: Images per second of trainings, by turn.
        loads: Images per second of the loader alone, by turn.
        clock: Where seconds come from.
    """

    model: Any
    wrapper: Any
    loader: Any
    batch: int
    steps: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.perf_counter

    def train(self, seconds: float) -> None:
        """One turn of training; the first step is not timed."""
        self._turn(lambda data: self.model.train_step(data, self.wrapper), seconds, self.steps)

    def load(self, seconds: float) -> None:
        """One turn of loading alone."""
        self._turn(lambda data: None, seconds, self.loads)

    def _turn(self, use: Callable[[dict], object], seconds: float, speeds: list[float]) -> None:
        batches = iter(self.loader)  # workers start here and end below: those of another way do not disturb
        for _ in range(3):  # what was loaded ahead
            use(next(batches))
        count, start = 0, self.clock()
        while self.clock() - start < seconds:
            use(next(batches))
            count += 1
        speeds.append(count * self.batch / (self.clock() - start))
        del batches

    def kept(self) -> int:
        """Bytes that a step keeps for its backward pass; on a GPU, the most that it allocates."""
        data = next(iter(self.loader))
        if next(self.model.parameters()).is_cuda:
            torch.cuda.reset_peak_memory_stats()
            self.model.train_step(data, self.wrapper)
            return torch.cuda.max_memory_allocated()
        sizes: dict[int, int] = {}

        def note(value: torch.Tensor) -> torch.Tensor:
            sizes[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        weights = {value.untyped_storage().data_ptr() for value in self.model.parameters()}
        forward = self.wrapper.optim_context(self.model)
        with forward, torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            losses = self.model(**self.model.data_preprocessor(data, True), mode='loss')
        self.model.parse_losses(losses)[0].backward()
        return sum(size for pointer, size in sizes.items() if pointer not in weights)


def _tuned(config: Config, root: Path) -> Config:
    tuned = Config(config.to_dict())
    dataset = tuned.train_dataloader.dataset
    tuned.train_dataloader.dataset = dict(type='mmpose_ext.CropCache', cache_dir=f'{root}/crops', dataset=dataset)
    tuned.optim_wrapper.optimizer.fused = True
    return tuned


def _way(config: Config, channels_last: bool, device: str) -> Way:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model).to(device).train()
        loader = Runner.build_dataloader(config.train_dataloader, seed=0)
        if channels_last:
            model.to(memory_format=torch.channels_last)
        wrapper = build_optim_wrapper(model, config.optim_wrapper.to_dict())
    return Way(model, wrapper, loader, config.train_dataloader.batch_size)


def _ways(case: TrainingCase, root: Path, workers: int, device: str) -> dict[str, Way]:
    config = case_config(case, root, workers)
    tuned = _tuned(config, root)
    bfloat16 = Config(tuned.to_dict())
    bfloat16.optim_wrapper.type = 'mmpose_ext.BFloat16OptimWrapper'
    return {
        'MMPose': _way(counterpart(config), False, device),
        'default': _way(config, False, device),
        'tuned': _way(tuned, True, device),
        'bfloat16': _way(bfloat16, True, device),
    }


def _report(case: TrainingCase, ways: Mapping[str, Way]) -> tuple[list[str], bool]:
    """Lines about a case, and whether the goals are met; ratios are medians over the turns."""
    lines, met = [], True
    for name, way in ways.items():
        theirs = ways['MMPose']
        step = median(ours / other for ours, other in zip(way.steps, theirs.steps, strict=True))
        load = median(ours / other for ours, other in zip(way.loads, theirs.loads, strict=True))
        met = met and step >= _NEVER_BELOW and (name != 'bfloat16' or step >= GOAL)
        lines.append(
            f'| {case.name}, batch {case.batch} | {name} | {median(way.steps):.1f} | {step:.2f} '
            f'| {median(way.loads):.0f} | {load:.2f} | {way.kept() / 2**20:.0f} |'
        )
    return lines, met


def compare_training(
    rounds: int = 3,
    seconds: float = 4.0,
    workers: int = 1,
    threads: int = 1,
    cases: tuple[TrainingCase, ...] = CASES,
    cpu_time: bool = False,
) -> tuple[list[str], bool]:
    """Train in turns and report.

    Args:
        rounds: Number of turns of each way.
        seconds: Of a turn of training; loading alone has a quarter of it.
        workers: Data workers of each way.
        threads: Torch's threads in the main process.
        cases: What to train.
        cpu_time: Count what this process works, and not what it waits while others do; with ``workers=0``.

    Returns:
        The lines of a table in Markdown, and whether the goals are met.
    """
    register_all_modules(init_default_scope=False)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    measured = 'CPU seconds' if cpu_time else 'seconds'
    lines = [
        f'{machine(threads)}, {workers} data worker(s), median of {rounds} turns, {measured}',
        '',
        '| | way | images/s | over MMPose | loader alone, images/s | over MMPose | kept for backward, MiB |',
        '|---|---|---:|---:|---:|---:|---:|',
    ]
    met = True
    root = Path(tempfile.mkdtemp())
    try:
        write_people(root)
        with set_threads(threads):
            for case in cases:
                ways = _ways(case, root, workers, device)
                for way in ways.values():
                    way.clock = time.process_time if cpu_time else time.perf_counter
                for _ in range(rounds):
                    for way in ways.values():
                        way.train(seconds)
                        way.load(seconds / 4)
                found, fits = _report(case, ways)
                lines += found
                met = met and fits
    finally:
        shutil.rmtree(root)
    return lines, met


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3, help='turns of each way (default: %(default)s)')
    parser.add_argument('--seconds', type=float, default=4.0, help='of a turn (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=1, help='data workers (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=1, help="torch's threads (default: %(default)s)")
    names = [case.name for case in CASES]
    parser.add_argument('--cases', nargs='+', choices=names, default=names, help='what to train (default: all)')
    parser.add_argument('--cpu-time', action='store_true', help='count CPU seconds, with --workers 0')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if a goal is missed')
    arguments = parser.parse_args()
    chosen = tuple(case for case in CASES if case.name in arguments.cases)
    report, good = compare_training(
        arguments.rounds, arguments.seconds, arguments.workers, arguments.threads, chosen, arguments.cpu_time
    )
    print('\n'.join(report))
    raise SystemExit(int(arguments.check and not good))
