"""Compare the speed of the integral head with MMPose's: times side by side, and whether ratios meet their goals."""

import argparse
import sys

from mmpose_ext.apis.benchmark_heads import compare_integral_heads


def main() -> int:
    """Run the comparison; the exit status is 0 unless ``--check`` is given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=15, help='turns of each function (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if a goal is missed')
    arguments = parser.parse_args()
    lines, met = compare_integral_heads(arguments.rounds)
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
