"""Times of functions that take turns, and ratios of them that are held against goals."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import cv2
import torch

__all__ = ['Goal', 'measure', 'measure_turns', 'one_thread', 'run_comparison']

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


def run_comparison(compare: Callable[[int], tuple[list[str], bool]], description: str | None) -> int:
    """Run a comparison from the command line: ``--rounds N``, and ``--check`` to fail if a goal is missed.

    Args:
        compare: Takes the number of turns of each function; returns the lines of a report and whether all goals are
            met.
        description: What the program does.

    Returns:
        The exit status: 0 unless ``--check`` is given and a goal is missed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--rounds', type=int, default=15, help='turns of each function (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if a goal is missed')
    arguments = parser.parse_args()
    lines, met = compare(arguments.rounds)
    print('\n'.join(lines))
    return int(arguments.check and not met)
