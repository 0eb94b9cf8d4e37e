"""How fast the codec is beside MMPose's, and what importing this package costs; measured side by side in one run."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap
from torch import Tensor

from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['Goal', 'compare_codecs', 'compare_imports', 'measure', 'measure_turns', 'one_thread']

BATCH, JOINTS, HEATMAP_SIZE = 64, 17, (48, 64)
INPUT_SIZE = (4 * HEATMAP_SIZE[0], 4 * HEATMAP_SIZE[1])

Functions = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio of two measured times.

    Attributes:
        name: What is compared.
        over: Name of the time above the line.
        under: Name of the time below it.
        bound: What the ratio is held against.
        at_least: Whether ``bound`` is the smallest good ratio, or the largest one.
    """

    name: str
    over: str
    under: str
    bound: float
    at_least: bool = True

    def ratio(self, times: Mapping[str, float]) -> float:
        """The measured ratio."""
        return times[self.over] / times[self.under]

    def is_met(self, times: Mapping[str, float]) -> bool:
        """Whether the measured ratio is good."""
        return self.ratio(times) >= self.bound if self.at_least else self.ratio(times) <= self.bound

    def report(self, times: Mapping[str, float]) -> str:
        """One line about the measured ratio."""
        bound = f'{"at least" if self.at_least else "at most"} {self.bound:g}'
        return f'{self.name:44s} {self.ratio(times):6.3g}   {bound:12s} {"met" if self.is_met(times) else "MISSED"}'


CODEC_GOALS = (
    Goal('decode: MMPose / ours', 'MMPose decode', 'batch_decode', 12),
    Goal('decode: ours / bare argmax (torch)', 'batch_decode', 'torch argmax', 2, at_least=False),
    Goal('encode in a data worker: MMPose / ours', 'MMPose encode', 'encode', 6),
    Goal('encode on the device: MMPose / ours', 'MMPose encode', 'encode_batch', 8),
)


def measure_turns(
    functions: Functions,
    rounds: int,
    block: float = 0.1,
    wait: Callable[[], object] | None = None,
    clock: Callable[[], float] | None = None,
) -> dict[str, list[float]]:
    """Time of each function in seconds, turn by turn.

    The functions take turns, so that a slow moment of the machine meets all of them. A turn is a block of calls after
    one that is not timed: each function finds its memory and caches as in a loop of its own.

    Args:
        functions: What to measure, by name.
        rounds: Number of turns of each.
        block: Seconds that a turn takes at least; its time is divided by the number of calls.
        wait: Called before a clock is read; waits for a GPU.
        clock: Where seconds come from; default the time of day. ``time.process_time`` counts what this process works,
            and not what it waits while others do.

    Returns:
        Seconds a call in each turn, by name.
    """
    clock = clock or time.perf_counter

    def turn(function: Callable[[], object]) -> float:
        calls, seconds = -1, 0.0  # the first call is not timed
        while calls < 1 or seconds < block:
            function()
            if wait:
                wait()
            calls += 1
            now = clock()
            if calls == 0:
                start = now
            seconds = now - start
        return seconds / calls

    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(turn(function))
    return times


def measure(
    functions: Functions, rounds: int, block: float = 0.1, wait: Callable[[], object] | None = None
) -> dict[str, float]:
    """Median over the turns of :func:`measure_turns`: seconds a call by name."""
    return {name: median(values) for name, values in measure_turns(functions, rounds, block, wait).items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and OpenCV on one thread."""
    kept = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(kept[0])
        cv2.setNumThreads(kept[1])


def _people() -> tuple[np.ndarray, Tensor]:
    """Keypoints (B, 1, K, 2) inside the picture, and maps (B, K, H, W) as a network might answer."""
    generator = np.random.default_rng(0)
    keypoints = generator.uniform(0, np.array(INPUT_SIZE) - 1, (BATCH, 1, JOINTS, 2)).astype(np.float32)
    codec = KEYPOINT_CODECS.build(dict(type='DarkHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE))
    maps = codec.encode_batch(torch.from_numpy(keypoints[:, 0]))['heatmaps']
    noise = generator.uniform(0, 0.02, maps.shape).astype(np.float32)
    return keypoints, 0.9 * maps + torch.from_numpy(noise)


def _codec_functions(device: str) -> dict[str, Callable[[], object]]:
    """What is compared; maps start on the device, keypoints where a data worker or a batch has them."""
    sizes = dict(input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE)
    ours, theirs = (
        KEYPOINT_CODECS.build(dict(type='DarkHeatmap', **sizes)),
        MSRAHeatmap(**sizes, sigma=2, unbiased=True),
    )
    keypoints, maps = _people()
    maps, points = maps.to(device), torch.from_numpy(keypoints[:, 0]).to(device)
    visible = np.ones((1, JOINTS), np.float32)

    def encode_each(codec: MSRAHeatmap) -> None:
        for person in keypoints:  # as a data worker does, which hands each target on
            codec.encode(person, visible)

    functions: dict[str, Callable[[], object]] = {
        'MMPose decode': lambda: [theirs.decode(person) for person in maps.cpu().numpy()],
        'batch_decode': lambda: ours.batch_decode(maps),
        'torch argmax': lambda: maps.flatten(2).argmax(-1),
        'MMPose encode': lambda: encode_each(theirs),
        'encode_batch': lambda: ours.encode_batch(points),
    }
    if device == 'cpu':
        array = maps.numpy().reshape(BATCH, JOINTS, -1)
        functions |= {'numpy argmax': lambda: array.argmax(-1), 'encode': lambda: encode_each(ours)}
    return functions


def compare_codecs(rounds: int = 15, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure decoding and encoding of 64 pictures of 17 joints with maps of 64x48, on one thread and on a GPU.

    Args:
        rounds: Number of turns of each function.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether every goal is met.
    """
    with one_thread():
        times = measure(_codec_functions('cpu'), rounds, block)
    lines = [f'{BATCH} pictures x {JOINTS} joints, maps of 64x48, CPU, 1 thread, median of {rounds} rounds']
    lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in times.items()]
    lines += ['', *(f'  {goal.report(times)}' for goal in CODEC_GOALS)]
    if torch.cuda.is_available():
        device_times = measure(_codec_functions('cuda'), rounds, block, torch.cuda.synchronize)
        lines += ['', f'the same on {torch.cuda.get_device_name()}']
        lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in device_times.items()]
    return lines, all(goal.is_met(times) for goal in CODEC_GOALS)


def compare_imports(repeats: int = 10, limit: float = 0.05) -> tuple[list[str], bool]:
    """Measure what ``import mmpose_ext`` adds to ``import mmpose``, each in interpreters of its own.

    Args:
        repeats: Number of interpreters for each.
        limit: Seconds that may be added.

    Returns:
        The lines of a report, and whether the added time is below the limit.
    """
    times: dict[str, list[float]] = {'import mmpose': [], 'import mmpose; import mmpose_ext': []}
    for _ in range(repeats):
        for statement, values in times.items():
            code = f'import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)'
            values.append(float(subprocess.run([sys.executable, '-c', code], check=True, capture_output=True).stdout))
    medians = {statement: median(values) for statement, values in times.items()}
    alone, both = medians.values()
    lines = [f'{statement:36s} {1000 * seconds:8.1f} ms' for statement, seconds in medians.items()]
    met = both - alone < limit
    lines.append(
        f'{"added":36s} {1000 * (both - alone):8.1f} ms   below {1000 * limit:.0f} {"met" if met else "MISSED"}'
    )
    return lines, met
