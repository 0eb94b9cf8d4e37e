"""MMPose's metrics on datasets in COCO's format, with figures by faster-coco-eval."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import numpy as np
from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric

from mmpose_ext.registry import METRICS

from .arrays import Annotation
from .coco_figures import CocoResult, coco_figures

__all__ = ['FasterCocoMetric', 'FasterCocoWholeBodyMetric']

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
    _written_by = CocoMetric

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

    default_prefix = CocoWholeBodyMetric.default_prefix
    body_num = CocoWholeBodyMetric.body_num
    _written_by = CocoWholeBodyMetric

    def gt_to_coco_json(self, gt_dicts: Sequence[Mapping[str, object]], outfile_prefix: str) -> str:
        """Write the annotations of samples, with the joints of all parts, as a file in COCO's format."""
        return CocoWholeBodyMetric.gt_to_coco_json(self, gt_dicts, outfile_prefix)

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
