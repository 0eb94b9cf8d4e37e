"""Correlation of predicted confidences with the similarity of predicted joints to the labeled joints."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmpose_ext.functional import calibration_error, check_shape, keypoint_oks, pearson, spearman
from mmpose_ext.registry import METRICS

from .arrays import DatasetMeta, Sample, to_array
from .ground_truth import People, load_people, match_boxes, people_of_sample

__all__ = ['ConfidenceCorrelation']


# not a named tuple, because MMEngine would turn it into a plain tuple
@dataclass(frozen=True)
class _Predictions:
    """Predicted people of a sample: boxes (N, 4), points (N, K, 2), confidences (N, K); its labeled people, if any."""

    image: int | str
    boxes: np.ndarray
    points: np.ndarray
    confidences: np.ndarray
    people: People | None


@METRICS.register_module()
class ConfidenceCorrelation(BaseMetric):
    """Correlation of predicted confidences with the object keypoint similarity (OKS) of what was predicted.

    The metric takes predictions of any model that predicts boxes, all top-down heads among them. It can be used beside
    other metrics::

        test_evaluator = [
            dict(type='CocoMetric', ann_file=...),
            dict(type='mmpose_ext.ConfidenceCorrelation'),
        ]

    ========================  ==========================================================================================
    ``Pearson``               correlation over all labeled joints: a joint's confidence with its own part of the OKS
    ``Spearman``              rank correlation of the same pairs; a monotonic transform of the confidence does not
                              change it, so it can compare different kinds of confidence
    ``Pearson (person)``      correlation over people: the mean confidence of all K joints (labeled or not, which no
                              one knows at test time) with the person's OKS
    ``Spearman (person)``     rank correlation of the same pairs
    ``ECE``                   expected calibration error of the joints in ten bins: how far confidences, read as the
                              OKS to expect, are from it; not with ``negate``
    ========================  ==========================================================================================

    Table 4 of "Human Pose Regression with Residual Log-likelihood Estimation" (Li et al., ICCV 2021) is Pearson's
    coefficient of "the confidence and the OKS to the ground truth on the COCO validation set" (section 4.1). Both are
    numbers of a person there (the confidence by equation 9, the mean over the K joints): ``Pearson (person)``. How
    detections are assigned to people and how the maxima of K heatmaps become one confidence is not said, and the size
    of the table's figures, .48 for heatmaps, rather speaks for joints: a ResNet-18 with DARK, trained for 10 epochs on
    this repository's synthetic people, has .47 over joints and .80 over people. Compare columns of one kind only.

    A prediction and a labeled person belong together if their boxes overlap each other most, with an intersection over
    union of at least .5. With annotated boxes that is every person. With detected boxes (a dataset with a
    ``bbox_file``, like COCO's configs here) duplicates and false detections are left out, and ``ann_file`` is needed,
    because such samples carry no labels.

    A correlation that is not defined is NaN: fewer than two pairs, constant confidences (MMPose's integral heads), or
    a confidence that is NaN. A point that is not finite has an OKS of 0.

    Args:
        field: Name of the confidences in ``pred_instances``, (N, K) or (N, K, D); D values are averaged. For example
            ``keypoint_sigmas``, with ``negate=True``. Two metrics of this class in one evaluator need different
            values of ``prefix``.
        negate: Whether large values mean low confidence.
        use_area: Scale OKS by the annotated ``area`` as COCO does; False: by .53 times the area of the annotated box
            (CrowdPose, AI Challenger, hands, faces ...), as MMPose's ``CocoMetric(use_area=False)`` does.
        sigmas: Sigma of all joints or of each (K,), in place of the dataset's; many of hands and faces have none.
        ann_file: Annotations in COCO's format, for samples from detected boxes.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the figures; default ``confidence``.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If the dataset has no sigmas or no areas and the arguments do not replace them, if samples come
            from detected boxes and there is no ``ann_file``, or if predictions lack the field or boxes.
    """

    default_prefix = 'confidence'

    def __init__(
        self,
        field: str = 'keypoint_scores',
        negate: bool = False,
        use_area: bool = True,
        sigmas: float | Sequence[float] | None = None,
        ann_file: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.field = field
        self.negate = negate
        self.use_area = use_area
        self.sigmas = sigmas
        self.ann_file = ann_file
        self._joint_sigmas = np.zeros(0)
        self._labeled: Mapping[int | str, People] | None = None

    @property
    def dataset_meta(self) -> DatasetMeta | None:
        """Meta information of the dataset; MMEngine sets it before a training starts."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: DatasetMeta) -> None:
        self._dataset_meta = dataset_meta
        joints = dataset_meta['num_keypoints']
        given = dataset_meta.get('sigmas', ()) if self.sigmas is None else self.sigmas
        sigmas = np.full(joints, given) if isinstance(given, int | float) else np.asarray(given, np.float64)
        if sigmas.shape != (joints,):
            raise ValueError(
                f"'sigmas' must be a number or {joints} of them, one for each joint of the dataset "
                f'{dataset_meta.get("dataset_name")}, which has none of its own that fit; got {sigmas.tolist()}'
            )
        self._joint_sigmas = sigmas

    def process(self, data_batch: object, data_samples: Sequence[Sample]) -> None:
        """Keep what a batch predicted: one entry for each sample, so that MMEngine can cut off padded ones.

        Args:
            data_batch: Not used.
            data_samples: Samples as dictionaries, with ``pred_instances`` and ``gt_instances``.
        """
        self.results += [self._read(sample) for sample in data_samples]

    def compute_metrics(self, results: Sequence[_Predictions]) -> dict[str, float]:
        """Correlations of everything that :meth:`process` kept; see the class for their names."""
        confidences, oks, labeled = self._compare(results)
        print_log(f'{type(self).__name__}: {labeled.sum()} joints of {len(labeled)} people', 'current')
        joints = confidences[labeled], oks[labeled]
        people = confidences.mean(1), oks.mean(1, where=labeled)
        figures = {
            'Pearson': pearson(*joints),
            'Spearman': spearman(*joints),
            'Pearson (person)': pearson(*people),
            'Spearman (person)': spearman(*people),
        }
        return figures if self.negate else {**figures, 'ECE': calibration_error(*joints)}

    def _read(self, sample: Sample) -> _Predictions:
        joints = len(self._joint_sigmas)
        predicted = sample['pred_instances']
        if not {'keypoints', 'bboxes', self.field} <= set(predicted):
            wanted = f"keypoints, bboxes and {self.field} (the argument 'field')"
            raise ValueError(f"'pred_instances' must have {wanted}, got {', '.join(sorted(predicted))}")
        points = to_array(predicted['keypoints'])[..., :2]
        sizes = check_shape('pred_instances.keypoints', points, 'N K 2', K=joints)
        confidences = to_array(predicted[self.field])
        if confidences.ndim == 3:
            confidences = confidences.mean(-1)
        check_shape(f'pred_instances.{self.field}', confidences, 'N K', **sizes)
        boxes = to_array(predicted['bboxes'])
        check_shape('pred_instances.bboxes', boxes, 'N 4', **sizes)
        people = people_of_sample(sample, joints, self.use_area)
        if people is None and self._labeled is None:
            self._labeled = self._load()
        return _Predictions(sample['img_id'], boxes, points, -confidences if self.negate else confidences, people)

    def _load(self) -> Mapping[int | str, People]:
        if self.ann_file is None:
            raise ValueError(
                "'ann_file' must be the annotation file for samples from detected boxes, which carry no labels (or set "
                'bbox_file=None in the dataset to measure on the annotated boxes), got None'
            )
        return load_people(self.ann_file, len(self._joint_sigmas), self.use_area)

    def _compare(self, results: Sequence[_Predictions]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Confidences, OKS and whether it is labeled of every joint (P, K) of every person with a labeled joint."""
        empty = np.zeros((0, len(self._joint_sigmas)))
        confidences, oks, labeled = [empty], [empty], [empty.astype(bool)]
        for one, people in self._by_image(results):
            found, person = match_boxes(one.boxes, people.boxes)
            seen = people.labeled[person].any(1)
            found, person = found[seen], person[seen]
            confidences.append(one.confidences[found])
            oks.append(keypoint_oks(one.points[found], people.points[person], people.areas[person], self._joint_sigmas))
            labeled.append(people.labeled[person])
        return np.concatenate(confidences), np.concatenate(oks), np.concatenate(labeled)

    def _by_image(self, results: Iterable[_Predictions]) -> Iterator[tuple[_Predictions, People]]:
        """Predictions with their people; those from detected boxes are put together, image by image."""
        detected = defaultdict(list)
        for one in results:
            if one.people is None:
                detected[one.image].append(one)
            else:
                yield one, one.people
        for image, parts in detected.items():
            people = (self._labeled or {}).get(image)
            if people is not None:
                boxes = np.concatenate([one.boxes for one in parts])
                points = np.concatenate([one.points for one in parts])
                confidences = np.concatenate([one.confidences for one in parts])
                yield _Predictions(image, boxes, points, confidences, people), people
