"""MMPose's metrics on datasets in COCO's format, ranked by calibrated scores, and with figures by faster-coco-eval."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import numpy as np
from mmpose.evaluation import metrics as mmpose_metrics

from mmpose_ext.registry import METRICS

from .arrays import Annotation, Sample, to_array
from .coco_figures import CocoResult, coco_figures

__all__ = ['CocoMetric', 'FasterCocoMetric', 'FasterCocoWholeBodyMetric']

# the joints of COCO-WholeBody as its annotations name them
_PARTS = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')


class _Person(TypedDict, total=False):
    """A detection of MMPose's metric; ``keypoints`` (K, 3) are x, y and the score of each joint."""

    img_id: int
    category_id: int
    keypoints: np.ndarray
    score: float
    bbox: np.ndarray


@METRICS.register_module()
class CocoMetric(mmpose_metrics.CocoMetric):
    """MMPose's ``CocoMetric``, which can also rank people by their calibrated scores.

    Heads of this package predict ``pose_scores``, the expected OKS of each person, with ``model.test_cfg.calibration``.
    MMPose's score modes do not know them: 'bbox_keypoint' takes the mean score of the joints.

    Args:
        ann_file: As in MMPose's metric, as are all other options.
        score_mode: 'pose' for the score of the box times ``pose_scores``, or one of MMPose's modes.
        options: Of MMPose's metric.

    Raises:
        ValueError: If ``score_mode`` is unknown, or with 'pose' predictions have no ``pose_scores``.
    """

    def __init__(self, ann_file: str | None = None, score_mode: str = 'bbox_keypoint', **options: object) -> None:
        self.ranks_by_pose = score_mode == 'pose'
        super().__init__(ann_file, score_mode='bbox' if self.ranks_by_pose else score_mode, **options)

    def process(self, data_batch: object, data_samples: Sequence[Sample]) -> None:
        """Keep what a batch predicted.

        Args:
            data_batch: Not used.
            data_samples: Samples as dictionaries, with ``pred_instances`` and ``gt_instances``.
        """
        if self.ranks_by_pose:
            data_samples = [_with_pose_scores(sample) for sample in data_samples]
        super().process(data_batch, data_samples)


def _with_pose_scores(sample: Sample) -> Sample:
    """A sample whose predicted boxes have their scores times those of the poses."""
    predicted = sample['pred_instances']
    if 'pose_scores' not in predicted:
        raise ValueError(
            "'pred_instances' must have pose_scores with score_mode='pose', from a head of mmpose_ext with "
            f'model.test_cfg.calibration; got {", ".join(sorted(predicted))}'
        )
    scores = to_array(predicted['pose_scores'])
    boxes = predicted.get('bbox_scores', sample['gt_instances'].get('bbox_scores', np.ones_like(scores)))
    ranked = sample.copy()
    ranked['pred_instances'] = {**predicted, 'bbox_scores': to_array(boxes) * scores}
    return ranked


@METRICS.register_module()
class FasterCocoMetric(CocoMetric):
    """``CocoMetric`` whose figures faster-coco-eval computes in place of xtcocotools (the extra ``coco``).

    Options, scores of people, suppression of duplicates and figures are those of ``CocoMetric``; figures are equal to
    1e-6 (:func:`mmpose_ext.evaluation.coco_figures` has the rules). It serves COCO, CrowdPose, AP-10K, Human-Art and
    any other dataset in COCO's format, with any number of joints. Detections are written to a file only if
    ``outfile_prefix`` names one.

    Raises:
        ImportError: At the evaluation, if faster-coco-eval is missing.
    """

    # MMPose's metric whose form a file of detections has
    _written_by = mmpose_metrics.CocoMetric

    def results2json(self, keypoints: Mapping[int, Sequence[_Person]], outfile_prefix: str) -> None:
        """Keep the detections of images for the evaluation; write them if ``outfile_prefix`` is an option."""
        self._detected = [person for people in keypoints.values() for person in people]
        if self.outfile_prefix is not None:
            self._written_by.results2json(self, keypoints, outfile_prefix)

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Figures by name, in the order of ``CocoMetric``."""
        figures = coco_figures(
            self.coco.dataset['images'],
            [self._annotation(annotation) for annotation in self.coco.anns.values()],
            [self._result(person) for person in self._detected],
            self.dataset_meta['sigmas'],
            self.iou_type,
            self.use_area,
            self.coco.getCatIds(),
        )
        return list(figures.items())

    def _annotation(self, annotation: Annotation) -> Annotation:
        """An annotation with all joints in one list."""
        return annotation

    def _result(self, person: _Person) -> CocoResult:
        """A detection in COCO's format."""
        result = CocoResult(
            image_id=person['img_id'],
            category_id=person['category_id'],
            keypoints=person['keypoints'].ravel(),
            score=person['score'],
        )
        return CocoResult(**result, bbox=person['bbox']) if 'bbox' in person else result


@METRICS.register_module()
class FasterCocoWholeBodyMetric(FasterCocoMetric):
    """``CocoWholeBodyMetric`` whose figures faster-coco-eval computes (see :class:`FasterCocoMetric`).

    As in xtcocotools, the area of a detection is that of its 17 joints of the body, and the category is always 1.
    """

    default_prefix = mmpose_metrics.CocoWholeBodyMetric.default_prefix
    body_num = mmpose_metrics.CocoWholeBodyMetric.body_num
    _written_by = mmpose_metrics.CocoWholeBodyMetric

    def gt_to_coco_json(self, gt_dicts: Sequence[Mapping[str, object]], outfile_prefix: str) -> str:
        """Write the annotations of samples, with the joints of all parts, as a file in COCO's format."""
        return mmpose_metrics.CocoWholeBodyMetric.gt_to_coco_json(self, gt_dicts, outfile_prefix)

    def _annotation(self, annotation: Annotation) -> Annotation:
        """An annotation with all joints in one list."""
        whole = annotation.copy()
        # the other parts are fields that only this dataset has
        parts = cast(Mapping[str, Sequence[float]], annotation)
        whole['keypoints'] = [number for part in _PARTS for number in parts[part]]
        return whole

    def _result(self, person: _Person) -> CocoResult:
        """A detection in COCO's format."""
        x, y = person['keypoints'][: self.body_num, :2].T
        return CocoResult(
            image_id=person['img_id'],
            category_id=1,
            keypoints=person['keypoints'].ravel(),
            score=person['score'],
            area=float(np.ptp(x) * np.ptp(y)),
        )
