"""Test loop against MMPose's: the same network and people, turn by turn in one run.

    python -m benchmarks.evaluation [--threads 1] [--workers 1] [--rounds 3] [--people 1000]

"MMPose" tests with its own head, codec and CocoMetric. "default" is a config of this package with FasterCocoMetric.
"tuned" adds the crop cache and the channels-last format. "bfloat16" is "tuned" with ``fp16=True`` of MMEngine's loop,
which rounds more; on a CPU MMPose fails with it, as its decoding asks NumPy for numbers of this type. All flip each
image, and all have the same weights.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any, ParamSpec, TypeVar

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from mmpose.utils import register_all_modules

from benchmarks.cases import CASES, TrainingCase, case_config, counterpart, machine, set_threads, write_people
from mmpose_ext.registry import MODELS

__all__ = ['TestRun', 'compare_evaluation']

GOAL = 2.0  # the last way over MMPose
_BATCH = 32
PARTS = ('data', 'network', 'decoding', 'metric')

Arguments = ParamSpec('Arguments')
Result = TypeVar('Result')


@dataclass
class TestRun:
    """One way to test: a model, its data and its metric.

    Attributes:
        model: The network.
        loader: Its data.
        evaluator: Its metric.
        fp16: Whether test steps run under autocast, as with ``fp16=True`` of MMEngine's loop.
        turns: Seconds of each part, by turn. 'network' is backbone, neck and head; 'decoding' is what else a test step
            does: from images of 8 bits to the network's input, and from outputs to keypoints in the images.
        people: Number of people in the last turn.
        clock: Where seconds come from.
    """

    __test__ = False  # no test of pytest

    model: Any
    loader: Any
    evaluator: Evaluator
    fp16: bool = False
    turns: list[dict[str, float]] = field(default_factory=list)
    people: int = 0
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self._seconds = dict.fromkeys(PARTS, 0.0)
        for module in (self.model.backbone, self.model.head):
            module.forward = self._timed('network', module.forward)

    def _timed(self, part: str, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """A function whose time is added to a part's."""

        def timed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            start = self._now()
            result = function(*args, **kwargs)
            self._seconds[part] += self._now() - start
            return result

        return timed

    def _now(self) -> float:
        if next(self.model.parameters()).is_cuda:
            torch.cuda.synchronize()
        return self.clock()

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """One turn, with the order of MMEngine's test loop; the figures of the metric."""
        self._seconds = seconds = dict.fromkeys(PARTS, 0.0)
        self.model.eval()
        self.people = 0
        batches = iter(self.loader)
        following = self._timed('data', lambda: next(batches, None))
        step = self._timed('decoding', self.model.test_step)
        process = self._timed('metric', self.evaluator.process)
        while (data := following()) is not None:
            with autocast(enabled=self.fp16):
                samples = step(data)
            process(data_samples=samples, data_batch=data)
            self.people += len(samples)
        with redirect_stdout(StringIO()):
            figures = self._timed('metric', self.evaluator.evaluate)(self.people)
        seconds['decoding'] -= seconds['network']
        self.turns.append(seconds)
        return figures

    def speeds(self) -> list[float]:
        """People per second, by turn."""
        return [self.people / sum(turn.values()) for turn in self.turns]

    def shares(self) -> list[str]:
        """Milliseconds for each person in each part, with two digits behind the point."""
        return [f'{1000 * median(turn[part] for turn in self.turns) / self.people:.2f}' for part in PARTS]


def _test_loader(config: Config, root: Path, workers: int, cached: bool) -> dict[str, Any]:
    """The people of a training config, each once, as a test sees them."""
    size = config.model.head.decoder.input_size
    dataset = dict(config.train_dataloader.dataset.dataset, test_mode=True)
    kinds = (dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=size))
    dataset.update(pipeline=[*kinds, dict(type='PackPoseInputs')])
    if cached:
        dataset = dict(type='mmpose_ext.CropCache', cache_dir=f'{root}/crops', padding=1.5, dataset=dataset)
    sampler = dict(type='DefaultSampler', shuffle=False, round_up=False)
    return dict(batch_size=_BATCH, num_workers=workers, sampler=sampler, drop_last=False, dataset=dataset)


def _run(
    config: Config, loader: dict[str, Any], root: Path, device: str, ours: bool, tuned: bool = False, fp16: bool = False
) -> TestRun:
    """A test with the weights that training would start with."""
    torch.manual_seed(0)
    kind = 'mmpose_ext.FasterCocoMetric' if ours else 'CocoMetric'
    config.model.test_cfg = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True)
    with DefaultScope.overwrite_default_scope('mmpose'), redirect_stdout(StringIO()):
        model = MODELS.build(config.model).to(device)
        evaluator = Evaluator([dict(type=kind, ann_file=str(root / 'people.json'))])
        loaded = Runner.build_dataloader(loader, seed=0)
    evaluator.dataset_meta = loaded.dataset.metainfo
    return TestRun(model.to(memory_format=torch.channels_last) if tuned else model, loaded, evaluator, fp16)


def _test_runs(case: TrainingCase, root: Path, workers: int, device: str) -> dict[str, TestRun]:
    config = case_config(case, root, workers)
    plain, cached = (_test_loader(config, root, workers, cached) for cached in (False, True))
    runs = {
        'MMPose': _run(counterpart(config), plain, root, device, ours=False),
        'default': _run(config, plain, root, device, ours=True),
        'tuned': _run(config, cached, root, device, ours=True, tuned=True),
        'bfloat16': _run(config, cached, root, device, ours=True, tuned=True, fp16=True),
    }
    weights = runs['default'].model.state_dict()
    for run in runs.values():
        run.model.load_state_dict(weights, strict=False)
    return runs


def _report(case: TrainingCase, runs: dict[str, TestRun]) -> tuple[list[str], bool]:
    """Lines about a case, and whether the goal is met; ratios are medians over the turns."""
    lines, met = [], True
    for name, run in runs.items():
        pairs = zip(run.speeds(), runs['MMPose'].speeds(), strict=True)
        ratio = median(ours / theirs for ours, theirs in pairs)
        met = met and (name != 'bfloat16' or ratio >= GOAL)
        cells = [f'{case.name}, {run.people} people', name, f'{median(run.speeds()):.1f}', f'{ratio:.2f}']
        lines.append(f'| {" | ".join((*cells, *run.shares()))} |')
    return lines, met


def compare_evaluation(
    rounds: int = 3,
    people: int = 1000,
    workers: int = 1,
    threads: int = 1,
    cases: tuple[TrainingCase, ...] = CASES[:1],
    cpu_time: bool = False,
) -> tuple[list[str], bool]:
    """Test in turns and report.

    Args:
        rounds: Number of turns of each way.
        people: How many people are tested at least.
        workers: Data workers of each way.
        threads: Torch's threads in the main process.
        cases: What to test.
        cpu_time: Count what this process works, and not what it waits while others do; with ``workers=0``.

    Returns:
        The lines of a table in Markdown, and whether the goal is met.
    """
    register_all_modules(init_default_scope=False)
    MMLogger.get_current_instance().setLevel('WARNING')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    measured = 'CPU seconds' if cpu_time else 'seconds'
    lines = [
        f'{machine(threads)}, {workers} data worker(s), batch {_BATCH}, median of {rounds} turns, {measured}',
        '',
        '| | way | people/s | over MMPose | ' + ' | '.join(f'{part}, ms/person' for part in PARTS) + ' |',
        '|---|---|---:|---:|' + '---:|' * len(PARTS),
    ]
    met = True
    root = Path(tempfile.mkdtemp())
    try:
        write_people(root, people)
        with set_threads(threads):
            for case in cases:
                runs = _test_runs(case, root, workers, device)
                for run in runs.values():
                    run.clock = time.process_time if cpu_time else time.perf_counter
                for _ in range(rounds):
                    for run in runs.values():
                        run.evaluate()
                found, fits = _report(case, runs)
                lines += found
                met = met and fits
    finally:
        shutil.rmtree(root)
    return lines, met


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3, help='turns of each way (default: %(default)s)')
    parser.add_argument('--people', type=int, default=1000, help='people at least (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=1, help='data workers (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=1, help="torch's threads (default: %(default)s)")
    names = [case.name for case in CASES]
    parser.add_argument('--cases', nargs='+', choices=names, default=names[:1], help='what to test')
    parser.add_argument('--cpu-time', action='store_true', help='count CPU seconds, with --workers 0')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if the goal is missed')
    arguments = parser.parse_args()
    chosen = tuple(case for case in CASES if case.name in arguments.cases)
    report, good = compare_evaluation(
        arguments.rounds,
        arguments.people,
        arguments.workers,
        arguments.threads,
        chosen,
        arguments.cpu_time,
    )
    print('\n'.join(report))
    raise SystemExit(int(arguments.check and not good))
