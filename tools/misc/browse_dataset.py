"""Draw the people of a dataset as the network gets them, with the target maps of the config's codec."""

import argparse

from mmengine.config import DictAction

from mmpose_ext.lab.visualization.browse import MODES, PHASES, browse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('--output-dir', help='folder for the images [none are written]')
    parser.add_argument('--phase', choices=PHASES, default='train', help='whose dataset and pipeline [train]')
    parser.add_argument(
        '--mode',
        choices=MODES,
        default='transformed',
        help='the annotated image, the input beside the maximum of its targets, or the target of every joint '
        '[transformed]',
    )
    parser.add_argument(
        '--number', '--max-item-per-dataset', type=int, default=50, help='draw at most so many people [50]'
    )
    parser.add_argument('--not-show', dest='show', action='store_false', help='open no window')
    parser.add_argument('--show-interval', type=float, default=2, help='seconds that a window stays open [2]')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    return parser.parse_args()


if __name__ == '__main__':
    files = browse(**vars(parse_args()))
    print(f'{len(files)} images written')
