"""Draw a dataset of synthetic people in COCO's keypoint format."""

import argparse
from pathlib import Path

from mmpose_ext.synthetic.dataset import make_synthetic_dataset


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out_dir', type=Path, help='a new folder, or one this tool wrote before')
    parser.add_argument('--num-train', type=int, default=3500, help='training images (default: %(default)s)')
    parser.add_argument('--num-val', type=int, default=500, help='validation images (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same bytes (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=1, help='processes (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    make_synthetic_dataset(args.out_dir, args.num_train, args.num_val, args.seed, workers=args.workers)


if __name__ == '__main__':
    main()
