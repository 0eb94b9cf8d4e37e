"""Measure what importing mmpose_ext adds to importing mmpose."""

import argparse
import sys

from mmpose_ext.apis.benchmark import compare_imports


def main() -> int:
    """Run the comparison; the exit status is 0 unless ``--check`` is given and it adds 50 ms or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=10, help='interpreters for each (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if 50 ms or more are added')
    arguments = parser.parse_args()
    lines, met = compare_imports(arguments.repeats)
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
