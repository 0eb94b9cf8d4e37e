"""Everything that needs a GPU, in one call of 8 minutes: tests with the mark `cuda`, and the timings of benchmarks/.

Each step has a time limit, and its output goes into a file. A step that fails or takes too long does not stop the
others. --dry runs the same steps where there is no GPU, with one round each, to see that they work.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

__all__ = ['STEPS', 'Step', 'run_steps']

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    """A command of the call.

    Attributes:
        name: Of the step, and of the file of its output.
        seconds: After which it is stopped.
        command: Arguments of Python.
        dry: Arguments that are added in a dry run.
        device: Arguments that are added otherwise.
    """

    name: str
    seconds: int
    command: tuple[str, ...]
    dry: tuple[str, ...] = ()
    device: tuple[str, ...] = ()


_PYTEST = ('-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-m', 'cuda', '-rs', 'tests')
_ONE_ROUND = ('--rounds', '1')
STEPS = (
    Step('tests', 180, _PYTEST, ('--collect-only',)),
    Step('dark_codec', 50, ('benchmarks/dark_codec.py',), _ONE_ROUND),
    Step('rle_loss', 40, ('benchmarks/rle_loss.py',), _ONE_ROUND),
    Step('integral_head', 90, ('benchmarks/integral_head.py', '--rounds', '5'), _ONE_ROUND),
    Step('integral_memory', 40, ('benchmarks/integral_memory.py',), device=('--device', 'cuda')),
    Step('distillation', 60, ('benchmarks/distillation.py', '--rounds', '5'), _ONE_ROUND),
    Step('coco_metric', 20, ('benchmarks/coco_metric.py', '--rounds', '3'), _ONE_ROUND),
)


def _run_step(step: Step, folder: Path, dry: bool) -> str:
    """Run a step; return 'passed', 'failed' or 'stopped after N s'."""
    command = [sys.executable, *step.command, *(step.dry if dry else step.device)]
    with (folder / f'{step.name}.txt').open('w', encoding='utf-8') as log:
        try:
            done = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, timeout=step.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return f'stopped after {step.seconds} s'
    return 'passed' if done.returncode == 0 else f'failed with status {done.returncode}'


def run_steps(steps: Sequence[Step], folder: Path, dry: bool) -> tuple[list[str], bool]:
    """Run the steps one after the other.

    Args:
        steps: What to run.
        folder: Where the output of each is written.
        dry: Whether to run without a GPU, with one round each.

    Returns:
        The lines of a report, and whether all steps passed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU: no figure here is one of a GPU'
    lines, passed = [f'torch {torch.__version__}, {device}'], True
    for step in steps:
        start = time.monotonic()
        outcome = _run_step(step, folder, dry)
        passed = passed and outcome == 'passed'
        lines.append(f'  {step.name:18s} {time.monotonic() - start:6.0f} s   {outcome}')
        print(lines[-1], flush=True)
    (folder / 'summary.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return lines, passed


def main() -> int:
    """Run all steps from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='work_dirs/gpu', help='folder of the outputs (default: %(default)s)')
    parser.add_argument('--dry', action='store_true', help='one round of each step, with or without a GPU')
    parser.add_argument('--only', nargs='+', choices=[step.name for step in STEPS], help='run these steps alone')
    arguments = parser.parse_args()
    if not (arguments.dry or torch.cuda.is_available()):
        parser.error('there is no GPU; --dry tries the steps without one')
    steps = [step for step in STEPS if arguments.only is None or step.name in arguments.only]
    return int(not run_steps(steps, Path(arguments.out), arguments.dry)[1])


if __name__ == '__main__':
    sys.exit(main())
