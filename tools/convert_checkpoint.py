"""Convert a checkpoint of an official implementation for a model of this package, and print which model that is.

The configs of the converted checkpoint's parts are printed; mmpose_ext/lab/checkpoints/official.py says what images
each network was trained on.
"""

import argparse

from mmpose_ext.lab.checkpoints.convert import convert_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='fpd_hourglass, princeton_hourglass, rle or dark_simple_baseline')
    parser.add_argument('path', metavar='in', help='official checkpoint')
    parser.add_argument('out', help='file to write')
    return parser.parse_args()


if __name__ == '__main__':
    print(convert_file(**vars(parse_args())))
