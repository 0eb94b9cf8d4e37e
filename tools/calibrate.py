"""Fit what scores and covariances mean on one half of the validation people, and measure it on the other.

  python tools/calibrate.py CONFIG CHECKPOINT

It writes CHECKPOINT.calibration.json (without .pth), a reliability diagram and a sheet of ellipses beside the
checkpoint. The json is applied by --calibration of tools/test.py, tools/predict.py and tools/export.py.

Exit status: 0; 2 if an argument is wrong, there are too few people, or the results cannot be written.
"""

import argparse
import sys

from mmengine.config import DictAction

from mmpose_ext.lab.calibration import calibrate


def main() -> int:
    """Run the calibration; the exit status is documented at the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the model, or its name below configs/')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--out', help='the json file (default: beside the checkpoint)')
    parser.add_argument('--seed', type=int, default=0, help='of the halves (default: %(default)s)')
    parser.add_argument(
        '--shift', nargs='+', default=[], metavar='ANN_FILE', help='COCO annotations of other people to measure on'
    )
    parser.add_argument('--shift-padding', type=float, default=1.0, help='factor of their boxes (default: %(default)s)')
    parser.add_argument('--no-images', action='store_true', help='write the json alone')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    arguments = parser.parse_args()
    try:
        report = calibrate(
            arguments.config,
            arguments.checkpoint,
            out=arguments.out,
            seed=arguments.seed,
            shifts=arguments.shift,
            shift_padding=arguments.shift_padding,
            images=not arguments.no_images,
            cfg_options=arguments.cfg_options,
        )
    except (ValueError, ImportError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(report)
    return 0


if __name__ == '__main__':
    sys.exit(main())
