"""check_dataset on every top-down config of MMPose, with tiny sound data: it must find nothing but MMPose's own faults.

    python tests/sweep.py [PART OF A CONFIG'S PATH]

Each config gets datasets of eight images in a temporary folder, which takes 3 to 30 seconds. Every other warning or
error is printed. The exit status is 1 if there is one. ``tests/test_lab/test_dataset_check/test_mmpose_configs.py``
runs one config of each kind.
"""

import sys
import tempfile
import traceback
from unittest import mock

from mmpose_datasets import CONFIGS, prepare

from mmpose_ext.lab.dataset_check import Finding, check, check_dataset

# bottom-up, lifting, and datasets with files of their own
OTHERS = ('_base_', '/associative_embedding/', '/cid/', '/dekr/', '/edpose/', '/rtmo/', '/yoloxpose/', '_3d_keypoint/')
# what is wrong in MMPose 1.3.2: part of a path, check, part of the finding
KNOWN = [
    ('udp', 'crop-convention', 'cuts out without use_udp=True'),  # six configs draw UDP's targets in other crops
    ('deepfashion2', 'flip-pairs', 'vest_kpt13'),  # 'swap' names it from one side only
]
UNKNOWN_DATASET = 'rtmpose/hand5'  # its HalpeHandDataset is not registered


def is_known(name: str, finding: Finding) -> bool:
    return any(part in name and finding.check == check and text in finding.what for part, check, text in KNOWN)


def alarms(name: str) -> list[Finding]:
    """The warnings and errors for a config on sound data."""
    # the data is what this is about; the networks are MMPose's at full size
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(check, 'build_model') as model:
        model.return_value = None, []
        findings = check_dataset(str(prepare(name, folder)), samples=4)
    return [one for one in findings if one.level in ('warning', 'error') and not is_known(name, one)]


def main(part: str = '') -> int:
    names = [path.relative_to(CONFIGS).as_posix() for path in sorted(CONFIGS.rglob('*.py')) if part in str(path)]
    names = [name for name in names if not any(other in f'/{name}' for other in (*OTHERS, UNKNOWN_DATASET))]
    wrong = 0
    for number, name in enumerate(names, 1):
        try:
            found = [f'  {one.level} {one.check} {one.where}: {one.what}' for one in alarms(name)]
        except Exception:  # the other configs are checked all the same
            found = [traceback.format_exc()]
        wrong += bool(found)
        print(f'{number} of {len(names)}: {name}', *found, sep='\n', flush=True)
    print(f'{wrong} of {len(names)} configs with an alarm')
    return int(wrong > 0)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
