"""How many threads a training should compute with on this machine, as busy as it is now."""

import time
from collections.abc import Callable

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmpose_ext.compat import usable_cores
from mmpose_ext.registry import MODELS

__all__ = ['fastest_threads', 'measure_threads', 'training_step']


def training_step(config: Config) -> Callable[[], object]:
    """A forward and a backward pass of a config's network on a batch of noise.

    Args:
        config: The head's codec has ``input_size``; ``train_dataloader`` has ``batch_size``.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = MODELS.build(config.model).train()
    width, height = config.model.head.decoder.input_size
    inputs = torch.rand(config.train_dataloader.batch_size, 3, height, width)

    def step() -> None:
        outputs = model(inputs, None, mode='tensor')
        outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
        torch.stack([output.float().mean() for output in outputs]).sum().backward()

    return step


def measure_threads(step: Callable[[], object], seconds: float = 0.5) -> dict[int, float]:
    """Seconds that a step takes with 1, 2, 4, ... threads, up to the number of cores that this process may use.

    Threads of OpenMP wait for each other: on cores that others use as well, several can take longer than one.

    Args:
        step: What to measure.
        seconds: Time for each number of threads, and at least two steps; the first of them is not counted.
    """
    cores = usable_cores()
    kept = torch.get_num_threads()
    found = {}
    try:
        for threads in sorted({min(2**power, cores) for power in range(cores.bit_length() + 1)}):
            torch.set_num_threads(threads)
            step()
            start, count = time.perf_counter(), 0
            while not count or time.perf_counter() - start < seconds:
                step()
                count += 1
            found[threads] = (time.perf_counter() - start) / count
    finally:
        torch.set_num_threads(kept)
    return found


def fastest_threads(times: dict[int, float]) -> int:
    """The number of threads with the shortest time; of numbers within 5 % of it the smallest."""
    return min(threads for threads, seconds in times.items() if seconds <= 1.05 * min(times.values()))
