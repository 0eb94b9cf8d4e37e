"""Train a pose model: MMPose's options, and processes on CPUs as well."""

import argparse
import os

from mmengine.config import DictAction

from mmpose_ext.apis.train import train

EPILOG = (
    'Exit status: 0 after the last epoch; 75 if SIGTERM (e.g. from Slurm, before the time limit) stopped the training '
    'and its state was saved: start it again with --resume.'
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('--work-dir', help='folder of logs and checkpoints [work_dirs/<name of the config>]')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint; without a name, from the newest whole one in the work directory, if any',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision; without a GPU in bfloat16')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help='scale the learning rate to the actual total batch size'
    )
    parser.add_argument('--show', action='store_true', help="show the evaluations' predictions in a window")
    parser.add_argument('--show-dir', help="write the evaluations' predictions as images to this folder of the run")
    parser.add_argument('--interval', type=int, default=1, help='show or write one of so many samples [1]')
    parser.add_argument('--wait-time', type=float, default=1, help='seconds that a window stays open [1]')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change values of the config, e.g. train_cfg.max_epochs=5 train_dataloader.batch_size=8',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch gives the rank as an argument, torchrun in the environment
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    del args.local_rank
    return args


if __name__ == '__main__':
    train(**vars(parse_args()))
