"""Measure the memory that a training step of the 3D soft-argmax takes beyond its logits, beside autograd's."""

import argparse
import sys

from mmpose_ext.apis.benchmark_memory import compare_memory


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
