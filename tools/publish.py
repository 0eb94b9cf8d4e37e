"""Write the weights of a checkpoint alone: small, and loadable by the safe loader of torch without OpenMMLab."""

import argparse
import sys


def main() -> int:
    """Write the file and print its path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='file that a training wrote')
    parser.add_argument('--out', help='file to write (default: beside the checkpoint, with a checksum in its name)')
    parser.add_argument('--half', action='store_true', help='kernels and matrices in 16 bits: half the size')
    arguments = parser.parse_args()
    try:
        from mmpose_ext.apis.publish import publish  # here, because it takes seconds, and --help is quick

        path = publish(arguments.checkpoint, arguments.out, arguments.half)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'{path} ({path.stat().st_size / 1e6:.2f} MB)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
