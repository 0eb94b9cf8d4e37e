"""How much memory the expectation under a volume takes in training, beyond the volume of logits itself."""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from mmpose_ext.functional import soft_argmax, spatial_softmax

__all__ = ['Memory', 'compare_memory', 'measure_memory']

# what a training step may take beyond the logits, in volumes of their size; planes through a volume come on top
LIMIT = 2

Expectation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Memory:
    """Bytes beyond the logits, on the device that they are on.

    Attributes:
        logits: Bytes of the logits.
        kept: What is kept between the pass forwards and the one backwards.
        peak: The most at any time of both passes, the gradient of the logits among it.
    """

    logits: int
    kept: int
    peak: int

    def report(self, name: str) -> str:
        """One line: in bytes, and in volumes of the logits' size."""
        parts = [f'{bytes_ / 1e6:8.1f} MB = {bytes_ / self.logits:5.2f} x' for bytes_ in (self.kept, self.peak)]
        return f'{name:44s} kept {parts[0]}   peak {parts[1]}'


def measure_memory(expectation: Expectation, logits: Tensor) -> Memory:
    """Measure a training step of an expectation: forwards, and backwards into the logits.

    torch's profiler reports every allocation and release of tensors, on the CPU as on a GPU; their running sum is what
    is held, and does not depend on what the machine does besides.

    Args:
        expectation: From logits (B, K, D, H, W) to points (B, K, 3).
        logits: (B, K, D, H, W).

    Raises:
        RuntimeError: If the profiler has seen no allocation.
    """
    logits = logits.detach().requires_grad_()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if logits.is_cuda else [])]
    held = []
    for backwards in (False, True):
        logits.grad = None
        with warnings.catch_warnings(), profile(activities=activities, profile_memory=True) as profiler:
            warnings.simplefilter('ignore')  # about cycles of the profiler, of which there is one
            points = expectation(logits)
            if backwards:
                points.sum().backward()
        held.append(_running_sum(profiler, logits.is_cuda))
        del points
    kept, peak = held[0][-1], max(held[1])
    return Memory(logits.nbytes, kept, peak)


def _running_sum(profiler: profile, cuda: bool) -> list[int]:
    """Bytes that are held after each allocation or release, from 0 at the start."""
    inner = profiler.profiler
    results = None if inner is None else inner.kineto_results
    events = [] if results is None else [event for event in results.events() if event.name() == '[memory]']
    wanted = torch.profiler.DeviceType.CUDA if cuda else torch.profiler.DeviceType.CPU  # type: ignore[attr-defined]
    # not in the stubs of every version
    sorted_events: list[Any] = sorted(events, key=_time)
    changes = [event.nbytes() for event in sorted_events if event.device_type() == wanted]
    if not changes:
        raise RuntimeError('the profiler has seen no allocation; this torch may be built without kineto')
    sums = [0]
    for change in changes:
        sums.append(sums[-1] + change)
    return sums


def _time(event: Any) -> int:
    """When an event began; nanoseconds from torch 2.2 on."""
    return int(event.start_ns() if hasattr(event, 'start_ns') else event.start_us())


def by_autograd(logits: Tensor) -> Tensor:
    """The same expectation written down with a softmax, sums and products, for comparison."""
    weights = spatial_softmax(logits)
    vectors = (weights.sum((2, 3)), weights.sum((2, 4)), weights.sum((3, 4)))
    return torch.stack([(vector * torch.arange(vector.shape[-1]).to(vector)).sum(-1) for vector in vectors], -1)


def compare_memory(shape: Sequence[int], device: str = 'cpu', other: bool = True) -> tuple[list[str], bool]:
    """Measure :func:`mmpose_ext.functional.soft_argmax` on random logits, beside the same by autograd.

    Args:
        shape: (B, K, D, H, W).
        device: Where.
        other: Whether the other way is measured.

    Returns:
        Lines to print, and whether ours takes at most twice the bytes of the logits beyond them.
    """
    logits = torch.randn(tuple(shape), generator=torch.Generator(device).manual_seed(0), device=device)
    memory = measure_memory(soft_argmax, logits)
    lines = [f'logits {" x ".join(map(str, shape))} on {device}: {memory.logits / 1e6:.1f} MB; beyond them']
    lines.append(memory.report('soft_argmax'))
    if other:
        lines.append(measure_memory(by_autograd, logits).report('softmax and sums by autograd'))
    planes = 2 * memory.logits / min(shape[2:])
    met = max(memory.kept, memory.peak) <= LIMIT * memory.logits + planes
    lines.append(f'at most {LIMIT} x, and two planes of each volume: {"met" if met else "MISSED"}')
    return lines, met


def main() -> int:
    """Run the measurement; the exit status is 0 unless ``--check`` is given and the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--shape', type=int, nargs=5, default=(32, 18, 64, 64, 64), metavar=('B', 'K', 'D', 'H', 'W'), help='of volumes'
    )
    parser.add_argument('--device', default='cpu', help='default: %(default)s')
    parser.add_argument('--alone', action='store_true', help='leave the other way out, which takes more memory')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if more than 2 x is taken')
    arguments = parser.parse_args()
    lines, met = compare_memory(arguments.shape, arguments.device, not arguments.alone)
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
