"""How fast COCO's figures are computed with faster-coco-eval beside xtcocotools, as metrics of the test loop."""

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric

from mmpose_ext.lab.profiling.timing import Goal, measure, one_thread, run_comparison
from mmpose_ext.registry import METRICS

__all__ = ['compare_coco_metrics']

PEOPLE, IMAGES, JOINTS = 1000, 300, 17
METRIC_GOALS = (Goal('metric of a test: MMPose / ours', 'CocoMetric', 'FasterCocoMetric', 2),)
_TYPES = {'CocoMetric': 'mmpose.CocoMetric', 'FasterCocoMetric': 'mmpose_ext.FasterCocoMetric'}


def _annotations(generator: np.random.Generator) -> dict[str, list[dict[str, object]]]:
    """People with labeled joints in COCO's format."""
    people: list[dict[str, object]] = []
    for number in range(PEOPLE):
        corner, size = generator.uniform(0, 200, 2), generator.uniform(40, 240, 2)
        points = corner + generator.uniform(0, 1, (JOINTS, 2)) * size
        keypoints = np.column_stack((points, np.full(JOINTS, 2))).ravel()
        box = [*corner.tolist(), *size.tolist()]
        fields = dict(id=number + 1, image_id=number % IMAGES + 1, category_id=1, iscrowd=0, num_keypoints=JOINTS)
        people.append(dict(fields, bbox=box, area=float(size.prod()), keypoints=keypoints.tolist()))
    images: list[dict[str, object]] = [dict(id=n + 1, width=480, height=480) for n in range(IMAGES)]
    return dict(images=images, annotations=people, categories=[dict(id=1, name='person')])


def _samples(annotations: list[dict[str, object]], generator: np.random.Generator) -> list[dict[str, object]]:
    """What the test loop hands to a metric: predictions near the labels."""
    samples: list[dict[str, object]] = []
    for annotation in annotations:
        points = np.array(annotation['keypoints'], np.float32).reshape(1, JOINTS, 3)[..., :2]
        points = points + generator.normal(0, 6, points.shape).astype(np.float32)
        scores = generator.uniform(0.3, 1, (1, JOINTS)).astype(np.float32)
        boxes = dict(bbox_scores=np.ones(1, np.float32), bbox_scales=np.ones((1, 2), np.float32))
        names = dict(id=annotation['id'], img_id=annotation['image_id'], category_id=1)
        samples.append(dict(names, pred_instances=dict(keypoints=points, keypoint_scores=scores), gt_instances=boxes))
    return samples


def _evaluation(metric: BaseMetric, samples: list[dict[str, object]]) -> Callable[[], dict[str, float]]:
    """A function that processes all samples in batches of 64 and computes the figures."""

    def evaluate() -> dict[str, float]:
        with redirect_stdout(StringIO()):
            for first in range(0, len(samples), 64):
                metric.process([], samples[first : first + 64])
            return metric.evaluate(len(samples))

    return evaluate


def compare_coco_metrics(rounds: int = 5, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure both metrics on the predictions of 1 000 people, from the first sample to the figures.

    Args:
        rounds: Number of turns of each metric.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether the goal is met.
    """
    generator = np.random.default_rng(0)
    annotations = _annotations(generator)
    samples = _samples(annotations['annotations'], generator)
    functions: dict[str, Callable[[], dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, one_thread(), redirect_stdout(StringIO()):
        path = Path(folder) / 'annotations.json'
        path.write_text(json.dumps(annotations), encoding='utf-8')
        for name, kind in _TYPES.items():
            metric: BaseMetric = METRICS.build(dict(type=kind, ann_file=str(path)))
            metric.dataset_meta = dict(num_keypoints=JOINTS, sigmas=np.full(JOINTS, 0.07), dataset_name='coco')
            functions[name] = _evaluation(metric, samples)
        figures = {name: function()['coco/AP'] for name, function in functions.items()}
        times = measure(functions, rounds, block)
    lines = [f'{PEOPLE} people in {IMAGES} images, CPU, 1 thread, median of {rounds} rounds']
    lines += [f'  {name:42s} {1000 * times[name]:9.1f} ms   AP {value:.6f}' for name, value in figures.items()]
    lines += ['', *(f'  {goal.report(times)}' for goal in METRIC_GOALS)]
    return lines, all(goal.is_met(times) for goal in METRIC_GOALS)


if __name__ == '__main__':
    sys.exit(run_comparison(compare_coco_metrics, __doc__))
