"""Train, test and see a small DARK pose model on synthetic people; see README.md."""

import argparse
import sys
from pathlib import Path

from mmpose_ext.lab.quickstart import Quickstart

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        '--config',
        type=Path,
        help='config to train',
        default=ROOT / 'configs/dark/dark_res18_1xb32-10e_synthetic-128x96.py',
    )
    parser.add_argument('--data-dir', type=Path, help='synthetic dataset', default=ROOT / 'data/synthetic')
    parser.add_argument('--work-dir', type=Path, help='results', default=ROOT / 'work_dirs/quickstart')
    parser.add_argument('--num-train', type=int, help='images to train on', default=2600)
    parser.add_argument('--num-val', type=int, help='images to test on', default=500)
    parser.add_argument('--seed', type=int, help='seed of data and training', default=0)
    parser.add_argument('--cfg-options', nargs='*', help='further key=value config options', default=[])
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        Quickstart(
            ROOT,
            args.config.resolve(),
            args.data_dir.resolve(),
            args.work_dir.resolve(),
            args.num_train,
            args.num_val,
            args.seed,
            args.cfg_options,
        ).run()
    except RuntimeError as error:
        sys.exit(f'quickstart: {error}')


if __name__ == '__main__':
    main()
