"""Write the annotations of LSP and LSPET (joints.mat) in COCO's format; docs/datasets.md shows the folder."""

import argparse
from pathlib import Path

from mmpose_ext.lab.dataset_converters import convert_lsp


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder with lsp/, lspet/ or both')
    parser.add_argument(
        '--origin', type=int, default=1, choices=(0, 1), help='number of the first pixel in the files [%(default)s]'
    )
    parser.add_argument('--out-dir', type=Path, help='folder for the annotations [annotations/ in root]')
    return parser.parse_args()


if __name__ == '__main__':
    convert_lsp(**vars(parse_args()))
