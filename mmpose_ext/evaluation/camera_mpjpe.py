"""MPJPE and PA-MPJPE of image-to-3D estimators, in the camera's millimeters."""

import logging
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpose.evaluation.functional import keypoint_mpjpe

from mmpose_ext.functional import Camera, align_similarity, back_project, check_shape, find_root, root_relative
from mmpose_ext.registry import METRICS

from .arrays import Annotation, Sample, to_array

__all__ = ['CameraMPJPE', 'camera_points']

_NEEDED = ('keypoints_cam', 'root_depth', 'camera_param')


class _Points(TypedDict):
    """Predicted and true joints of a person in the camera's frame, both (K, 3), and what the person does."""

    points: np.ndarray
    truth: np.ndarray
    action: str | None


def _annotation(sample: Sample) -> Annotation:
    raw = sample.get('raw_ann_info')
    return raw if isinstance(raw, dict) else Annotation()


def camera_points(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true joints of a person in the camera's frame.

    Args:
        sample: As a dictionary, with ``pred_instances.keypoints`` (1, K, 3), pixels of the image and millimeters
            behind the root, and ``raw_ann_info`` as the 3D datasets of mmpose_ext make it.

    Returns:
        Both (K, 3) in millimeters: x right, y down, z forward. The true positions of joints without a label are NaN.

    Raises:
        ValueError: If the sample lacks its camera, or a shape is another.
    """
    raw = _annotation(sample)
    missing = [name for name in _NEEDED if name not in raw]
    if missing:
        raise ValueError(
            f"'raw_ann_info' must hold {', '.join(_NEEDED)}, as samples of mmpose_ext's 3D datasets do; "
            f'got none of {missing}'
        )
    truth = np.asarray(raw['keypoints_cam'], np.float64)
    sizes = check_shape('raw_ann_info.keypoints_cam', truth, 'K 3')
    predicted = to_array(sample['pred_instances']['keypoints'])
    check_shape('pred_instances.keypoints', predicted, '1 K 3', **sizes)
    camera = Camera.from_param(raw['camera_param'])
    return back_project(predicted[0, :, :2], predicted[0, :, 2] + raw['root_depth'], camera), truth


@METRICS.register_module()
class CameraMPJPE(BaseMetric):
    """Mean distance of 3D joints from their true positions, in millimeters; lower is better.

    Networks predict pixels of the image and depths behind the root in millimeters. With the true depth of the root
    and the camera, they become points of the camera frame (:func:`mmpose_ext.functional.back_project`), as in the
    evaluation on Human3.6M of "Integral Human Pose Regression" (Sun et al., ECCV 2018). Figures:

    ==========================  ========================================================================================
    ``MPJPE``                   after both roots are moved to the origin (protocol 2), mean over the joints of all
                                samples
    ``PA-MPJPE``                after the best rotation, shift and scale of each sample (protocol 1), likewise
    ``... (actions)``           the mean of the actions' figures, in which rare actions weigh as much as frequent ones
    ``... <action>``            of the samples of one action
    ``error x``, ``y``, ``z``   mean absolute error of MPJPE's points along an axis of the camera
    ``samples``                 how many samples were measured
    ==========================  ========================================================================================

    The figures of actions are computed if the samples name their action (``mmpose_ext.Human36mImageDataset``).

    Joints whose true position is NaN (not labeled) do not count. A sample without a label of its root cannot be
    compared and is left out; the log says how many are. A prediction that is not finite makes its figures NaN.

    The means are MMPose's ``keypoint_mpjpe``. Its metric ``MPJPE`` is for lifting: it wants predictions in meters of a
    dataset's own frame. Its alignment lets joints without a label take part.

    Args:
        root: Names of the joints whose mean is the root; None for ``root`` or ``pelvis``, else both hips.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the figures; default ``3d``.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If the dataset has no such joints, or samples lack their camera.
    """

    default_prefix = '3d'

    def __init__(
        self,
        root: Sequence[str] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.root = root

    def process(self, data_batch: object, data_samples: Sequence[Sample]) -> None:
        """Keep the predicted and true points of a batch, in the camera frame.

        Args:
            data_batch: Not used.
            data_samples: Samples as dictionaries, with ``pred_instances.keypoints`` (1, K, 3) and ``raw_ann_info`` as
                the 3D datasets of mmpose_ext make it.
        """
        for sample in data_samples:
            points, truth = camera_points(sample)
            action = _annotation(sample).get('action')
            self.results.append(dict(points=points, truth=truth, action=action))

    def compute_metrics(self, results: Sequence[_Points]) -> dict[str, float]:
        """Figures of everything that :meth:`process` kept; see the class for their names."""
        names = [name for _, name in sorted((self.dataset_meta or {})['keypoint_id2name'].items())]
        root = find_root(names, self.root)
        stacks = (np.stack([np.zeros((len(names), 3)), *(one[key] for one in results)]) for key in ('points', 'truth'))
        points, truth = (stack[1:] for stack in stacks)  # without the first, which keeps the shape where none came
        valid = np.isfinite(truth).all(-1)
        measured = valid[:, root].all(1)
        print_log(f'{type(self).__name__}: {valid[measured].sum()} joints of {measured.sum()} people', 'current')
        if not measured.all():
            what = f'{(~measured).sum()} of {len(measured)} people are not counted: their root has no label'
            print_log(f'{type(self).__name__}: {what}', 'current', logging.WARNING)
        actions = np.array([one['action'] or '' for one in results], str)[measured]
        points, truth, valid = points[measured], truth[measured], valid[measured]
        moved, goal = root_relative(points, root), root_relative(truth, root)
        figures = _figures('MPJPE', moved, goal, valid, actions)
        figures |= _figures('PA-MPJPE', align_similarity(points, truth, valid), truth, valid, actions)
        error = np.abs(moved - goal)[valid]
        figures |= {
            f'error {axis}': float(error[:, number].mean()) if len(error) else np.nan
            for number, axis in enumerate('xyz')
        }
        return figures | {'samples': len(points)}


def _figures(
    name: str, points: np.ndarray, truth: np.ndarray, valid: np.ndarray, actions: np.ndarray
) -> dict[str, float]:
    """Mean errors of all samples, of the actions and of each action; the latter two if there are any."""

    def mean(chosen: np.ndarray) -> float:
        chosen_valid = valid[chosen]
        if not chosen_valid.any():
            return float('nan')
        return float(keypoint_mpjpe(points[chosen], truth[chosen], chosen_valid))

    single = {action: mean(actions == action) for action in sorted(set(actions.tolist()) - {''})}
    figures = {name: mean(np.ones(len(points), bool))}
    if single:
        figures[f'{name} (actions)'] = float(np.mean([*single.values()]))
    return figures | {f'{name} {action}': value for action, value in single.items()}
