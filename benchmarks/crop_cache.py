"""Time of a person of COCO from the file to the network's input: whole images against a cache of crops.

    python benchmarks/crop_cache.py --root data/coco

The transforms are those of configs/_base_/datasets/topdown_coco.py. All files are in the system's cache of pages.
"""

import argparse
import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmpose.utils import register_all_modules

from mmpose_ext.config import config_path
from mmpose_ext.datasets.crop_cache import CropFromCache
from mmpose_ext.lab.profiling.timing import measure, one_thread
from mmpose_ext.registry import DATASETS

__all__ = ['compare_crop_cache']

_PEOPLE = 200
_PADDINGS = (1.5, 2.0, 2.5, 3.0)


def _config(root: str, annotations: str) -> dict:
    config: dict = Config.fromfile(config_path('_base_/datasets/topdown_coco')).train_dataloader.dataset.to_dict()
    return dict(config, data_root=root, ann_file=annotations)


class _Loading:
    """Loads one person after the other, with the same random numbers in each round."""

    def __init__(self, people: list[dict], load: Callable[[dict], object]) -> None:
        self.people = people
        self.load = load

    def __call__(self) -> None:
        np.random.seed(0)  # noqa: NPY002  # MMPose draws from it
        for person in self.people:
            self.load(dict(person))


def _share_of_whole_images(step: CropFromCache, people: list[dict]) -> float:
    """How many inputs need more of the image than the crop has."""
    count = 0
    transform = step.load.transform

    def counting(results: dict) -> object:
        nonlocal count
        count += 1
        return transform(results)

    step.load.transform = counting
    _Loading(people, step)()
    del step.load.transform
    return count / len(people)


def compare_crop_cache(root: str, annotations: str, rounds: int) -> list[str]:
    """Measure on one thread; returns the lines of a report.

    Args:
        root: Folder of COCO.
        annotations: File of the people below it; the images are in ``train2017``.
        rounds: Number of turns of each way.
    """
    register_all_modules()
    folder = tempfile.mkdtemp()
    try:
        with one_thread():
            return _compare(_config(root, annotations), folder, rounds)
    finally:
        shutil.rmtree(folder)


def _compare(config: dict, folder: str, rounds: int) -> list[str]:
    def cached(form: str, padding: float = 2.5) -> CropFromCache:
        options = dict(cache_dir=folder, form=form, padding=padding, dataset=copy.deepcopy(config))
        step: CropFromCache = DATASETS.build(dict(type='mmpose_ext.CropCache', **options)).pipeline.transforms[0]
        return step

    dataset = DATASETS.build(copy.deepcopy(config))
    indices = np.linspace(0, len(dataset) - 1, min(_PEOPLE, len(dataset))).astype(int)
    people = [dataset.get_data_info(int(index)) for index in indices]
    whole = dataset.pipeline.transforms[:-1]  # all but the packing

    def load(person: dict) -> object:
        results: object = person
        for step in whole:
            results = step(results)
        return results

    steps = {(form, padding): cached(form, padding) for form in ('raw', 'jpeg') for padding in _PADDINGS}
    functions = {'whole images': _Loading(people, load)}
    functions |= {f'{form}, padding {padding:g}': _Loading(people, step) for (form, padding), step in steps.items()}
    times = measure(functions, rounds, block=0.0)
    lines = [
        f'{len(people)} people, 1 thread, {rounds} rounds; MMPose draws the augmentation in both, which takes part',
        f'{"":20s}  ms/person   times  MB/person  whole images read',
    ]
    first = times['whole images'] / len(people)
    lines.append(f'{"whole images":20s}  {1e3 * first:9.2f}  {1:6.2f}')
    for step, (name, seconds) in zip(steps.values(), [*times.items()][1:], strict=True):
        size = Path(step.crops.path).stat().st_size / len(dataset) / 1e6
        share = _share_of_whole_images(step, people * 4)
        each = seconds / len(people)
        lines.append(f'{name:20s}  {1e3 * each:9.2f}  {first / each:6.2f}  {size:9.3f}  {100 * share:16.1f}%')
    return lines


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', default='data/coco', help='folder of COCO (default: %(default)s)')
    parser.add_argument(
        '--annotations', default='annotations/person_keypoints_train2017.json', help='below it (default: %(default)s)'
    )
    parser.add_argument('--rounds', type=int, default=5, help='turns of each (default: %(default)s)')
    arguments = parser.parse_args()
    print('\n'.join(compare_crop_cache(arguments.root, arguments.annotations, arguments.rounds)))
