"""Print how well the densities that models with sigmas learned describe the errors of the validation people.

  python tools/analysis_tools/error_distribution.py CONFIG CHECKPOINT [CONFIG CHECKPOINT ...]

For each model: the log-likelihood of a joint, the sigmas, and the errors in units of them.

Exit status: 0; 2 if an argument is wrong, or a model cannot be measured.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmpose_ext.lab.error_distribution import distribution_table, measure_errors


def parse_args() -> tuple[argparse.Namespace, list[tuple[str, str, str]]]:
    """The options, and name, config and checkpoint of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'models', nargs='+', metavar='CONFIG CHECKPOINT', help='config of a model with RLELoss, and its weights'
    )
    parser.add_argument('--names', nargs='+', help='of the rows, one for each model (default: folders of the weights)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='change values of the configs'
    )
    arguments = parser.parse_args()
    configs, checkpoints = arguments.models[::2], arguments.models[1::2]
    names = arguments.names or [Path(checkpoint).parent.name for checkpoint in checkpoints]
    if len(configs) != len(checkpoints) or len(names) != len(configs):
        parser.error("'models' must be pairs of a config and a checkpoint, and 'names' one for each of them")
    return arguments, list(zip(names, configs, checkpoints, strict=True))


def main() -> int:
    """Measure the models; the exit status is documented at the top."""
    arguments, models = parse_args()
    try:
        results = {name: measure_errors(config, weights, arguments.cfg_options) for name, config, weights in models}
    except (ValueError, ImportError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(distribution_table(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())
