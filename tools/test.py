"""Evaluate a pose model: MMPose's options, and processes on CPUs as well."""

import argparse
import os

from mmengine.config import DictAction

from mmpose_ext.apis.test import evaluate


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path or address of the weights')
    parser.add_argument('--work-dir', help='folder of the logs [work_dirs/<name of the config>]')
    parser.add_argument('--out', help='file for the metrics (.json, .yaml, .pkl)')
    parser.add_argument('--dump', help='file for all predictions (.pkl)')
    parser.add_argument('--calibration', help='file of tools/calibrate.py, applied to scores and covariances')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='write predictions as images to this folder of the run')
    parser.add_argument('--interval', type=int, default=1, help='show or write every so many samples [1]')
    parser.add_argument('--wait-time', type=float, default=1, help='seconds that a window stays open [1]')
    parser.add_argument('--badcase', action='store_true', help="draw what the config's badcase hook finds bad")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change values of the config, e.g. model.head.decoder.decoding=shift',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch gives the rank as an argument, torchrun in the environment
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    del args.local_rank
    return args


if __name__ == '__main__':
    evaluate(**vars(parse_args()))
