"""Draw predicted and true 3D skeletons beside the crop, one PNG for each person."""

import argparse

from mmengine.config import DictAction

from mmpose_ext.lab.visualization.draw_3d import PHASES, draw_3d


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='path of a config with a 3D dataset')
    parser.add_argument('checkpoint', help='path or address of the weights')
    parser.add_argument('--out-dir', help='folder for the images [work_dirs/<name of the config>/3d]')
    parser.add_argument('--number', type=int, default=8, help='people, at equal distances in the dataset [8]')
    parser.add_argument('--phase', choices=PHASES, default='test', help='whose dataset and pipeline [test]')
    parser.add_argument('--device', default='cpu', help='where the network runs [cpu]')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    return parser.parse_args()


if __name__ == '__main__':
    files = draw_3d(**vars(parse_args()))
    print(f'{len(files)} images written to {files[0].parent}')
