"""Print the parameters and multiply-adds of the model of a config, also as the papers' tables count them.

Several configs make a table.
"""

import argparse

from mmengine.config import DictAction

from mmpose_ext.lab.profiling.complexity import complexity_table, model_complexity


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', nargs='+', help='path of the config, or of several')
    parser.add_argument(
        '--input-shape',
        type=int,
        nargs='+',
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the image, one number for a square [the size of the head's codec]",
    )
    parser.add_argument('--show-table', action='store_true', help='print the figures of every module')
    parser.add_argument('--show-arch-info', '-s', action='store_true', help='print them into the network')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    args = parser.parse_args()
    if args.input_shape is not None and len(args.input_shape) > 2:
        parser.error(f'--input-shape takes one or two numbers, got {len(args.input_shape)}')
    return args


if __name__ == '__main__':
    args = parse_args()
    # (w, h)
    size = args.input_shape and (args.input_shape[-1], args.input_shape[0])
    results = {
        config: model_complexity(config, size, args.cfg_options, args.show_table, args.show_arch_info)
        for config in args.config
    }
    print(complexity_table(results) if len(results) > 1 else results[args.config[0]])
    for result in results.values():
        print(result.table, end='\n' if result.table else '')
