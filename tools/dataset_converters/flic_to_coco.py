"""Write the annotations of FLIC (examples.mat) in COCO's format; docs/datasets.md shows the folder."""

import argparse
from pathlib import Path

from mmpose_ext.lab.dataset_converters import convert_flic


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder with examples.mat and images/')
    parser.add_argument(
        '--origin', type=int, default=1, choices=(0, 1), help='number of the first pixel in the file [%(default)s]'
    )
    parser.add_argument('--crop-side', type=float, default=440, help='side of the crop in pixels [%(default)s]')
    return parser.parse_args()


if __name__ == '__main__':
    convert_flic(**vars(parse_args()))
