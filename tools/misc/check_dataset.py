"""Say what is missing or wrong in the datasets of a top-down config, before a training starts."""

import argparse
import shutil
import sys

from mmengine.config import DictAction

from mmpose_ext.lab.dataset_check import check_dataset, format_findings, has_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog='The exit status is 1 if an error was found.')
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--samples', type=int, default=64, help='images to open and people to transform, of each dataset [64]'
    )
    parser.add_argument('--checkpoint', help='trained weights, to see the scores to expect [random weights]')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of samples [0]')
    parser.add_argument('--strict', action='store_true', help='exit with 1 on warnings, too')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    args = parser.parse_args()
    if args.samples <= 0:
        parser.error(f'--samples must be > 0, got {args.samples}')
    return args


if __name__ == '__main__':
    args = parse_args()
    strict = args.strict
    del args.strict
    findings = check_dataset(**vars(args))
    print(format_findings(findings, min(140, shutil.get_terminal_size((110, 24)).columns)))
    sys.exit(int(has_errors(findings, strict)))
