"""Fit what scores and covariances mean on one half of the validation people, and measure it on the other.

  python tools/calibrate.py CONFIG CHECKPOINT [CONFIG CHECKPOINT ...]

It writes CHECKPOINT.calibration.json (without .pth), a reliability diagram and a sheet of ellipses beside the
checkpoint. The json is applied by --calibration of tools/test.py, tools/predict.py and tools/export.py. Of several
models it prints Markdown tables with one row for each.

Exit status: 0; 2 if an argument is wrong, there are too few people, or the results cannot be written.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmpose_ext.lab.calibration import CalibrationReport, calibrate, calibration_table


def parse_args() -> tuple[argparse.Namespace, list[tuple[str, str, str]]]:
    """The options, and name, config and checkpoint of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'models',
        nargs='+',
        metavar='CONFIG CHECKPOINT',
        help='config of a model, or its name below configs/, and its weights; of one model or of several',
    )
    parser.add_argument('--names', nargs='+', help='of the rows, one for each model (default: names of the configs)')
    parser.add_argument('--out', help='the json file of one model (default: beside the checkpoint)')
    parser.add_argument('--seed', type=int, default=0, help='of the halves (default: %(default)s)')
    parser.add_argument(
        '--both-halves',
        action='store_true',
        help='measure the fitted half, too, by a calibration that is fitted on the other one; prints the means',
    )
    parser.add_argument(
        '--shift',
        nargs='+',
        default=[],
        metavar='ANN_FILE',
        help='annotations of other people to measure on (COCO, MPII)',
    )
    parser.add_argument('--shift-padding', type=float, default=1.0, help='factor of their boxes (default: %(default)s)')
    parser.add_argument('--no-images', action='store_true', help='write the json alone')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the config'
    )
    arguments = parser.parse_args()
    configs, checkpoints = arguments.models[::2], arguments.models[1::2]
    names = arguments.names or [Path(config).stem for config in configs]
    if len(configs) != len(checkpoints) or len(names) != len(configs):
        parser.error("'models' must be pairs of a config and a checkpoint, and 'names' one for each of them")
    if arguments.out and len(configs) > 1:
        parser.error("'out' is the file of one model, got several models")
    return arguments, list(zip(names, configs, checkpoints, strict=True))


def main() -> int:
    """Run the calibration; the exit status is documented at the top."""
    arguments, models = parse_args()
    reports: dict[str, CalibrationReport] = {}
    try:
        for name, config, checkpoint in models:
            reports[name] = report = calibrate(
                config,
                checkpoint,
                out=arguments.out,
                seed=arguments.seed,
                both_halves=arguments.both_halves,
                shifts=arguments.shift,
                shift_padding=arguments.shift_padding,
                images=not arguments.no_images,
                cfg_options=arguments.cfg_options,
            )
            print(f'{name}: {report}\n' if len(models) > 1 else report, flush=True)
    except (ValueError, ImportError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    if len(models) > 1:
        print(calibration_table(reports))
    return 0


if __name__ == '__main__':
    sys.exit(main())
