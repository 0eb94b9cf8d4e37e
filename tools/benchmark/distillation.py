"""Measure what a teacher adds to a training step beside its own forward pass, and whether it is at most 5 percent."""

import argparse
import sys

from mmpose_ext.apis.benchmark_distillation import compare_distillation


def main() -> int:
    """Run the comparison; the exit status is 0 unless ``--check`` is given and the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=15, help='turns of each step (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if the goal is missed')
    arguments = parser.parse_args()
    lines, met = compare_distillation(arguments.rounds)
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
