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
from .joint_pairs import JointPairs

__all__ = ['ConfidenceCorrelation', 'Predictions']


# not a named tuple, because MMEngine would turn it into a plain tuple
@dataclass(frozen=True)
class Predictions:
    """Predicted people of a sample: boxes (N, 4), points (N, K, 2), confidences (N, K); its labeled people, if any.

    Also covariances (N, K, 2, 2) if predicted, and the height and width of the image if known.
    """

    image: int | str
    boxes: np.ndarray
    points: np.ndarray
    confidences: np.ndarray
    people: People | None
    covariances: np.ndarray | None = None
    image_shape: tuple[int, int] | None = None


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

    def compute_metrics(self, results: Sequence[Predictions]) -> dict[str, float]:
        """Correlations of everything that :meth:`process` kept; see the class for their names."""
        pairs = self.compare(results)
        confidences, oks, labeled = pairs.confidences, pairs.oks, pairs.labeled
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

    def _read(self, sample: Sample) -> Predictions:
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
        confidences = -confidences if self.negate else confidences
        covariances = predicted.get('keypoint_covariances')
        if covariances is not None:
            covariances = to_array(covariances)[..., :2, :2]
            check_shape('pred_instances.keypoint_covariances', covariances, 'N K 2 2', **sizes)
        height, width = sample['ori_shape'][:2] if 'ori_shape' in sample else (None, None)
        shape = None if height is None or width is None else (int(height), int(width))
        return Predictions(sample['img_id'], boxes, points, confidences, people, covariances, shape)

    def _load(self) -> Mapping[int | str, People]:
        if self.ann_file is None:
            raise ValueError(
                "'ann_file' must be the annotation file for samples from detected boxes, which carry no labels (or set "
                'bbox_file=None in the dataset to measure on the annotated boxes), got None'
            )
        return load_people(self.ann_file, len(self._joint_sigmas), self.use_area)

    def compare(self, results: Sequence[Predictions], inside_image: bool = False) -> JointPairs:
        """Joints of every person with a labeled joint who was predicted.

        Args:
            results: What :meth:`process` kept.
            inside_image: Whether labels outside of their image count as none. The image of a sample without
                ``ori_shape`` has no border.
        """
        joints = len(self._joint_sigmas)
        empty = np.zeros((0, joints))
        parts = [JointPairs(np.zeros(0, object), empty, empty, empty > 0, np.zeros((0, joints, 2)), np.zeros(0))]
        for one, people in self._by_image(results):
            found, person = match_boxes(one.boxes, people.boxes)
            targets, labeled = people.points[person], people.labeled[person]
            if inside_image and one.image_shape is not None:
                height, width = one.image_shape
                # a pixel reaches half a pixel beyond its center
                labeled = labeled & ((targets >= -0.5) & (targets <= np.array([width, height]) - 0.5)).all(-1)
            seen = labeled.any(1)
            found, person, targets = found[seen], person[seen], targets[seen]
            points, areas = one.points[found], people.areas[person]
            parts.append(
                JointPairs(
                    images=np.array([one.image] * len(found), object),
                    confidences=one.confidences[found],
                    oks=keypoint_oks(points, targets, areas, self._joint_sigmas),
                    labeled=labeled[seen],
                    errors=targets - points,
                    areas=areas,
                    covariances=None if one.covariances is None else one.covariances[found],
                )
            )
        return _joined(parts)

    def _by_image(self, results: Iterable[Predictions]) -> Iterator[tuple[Predictions, People]]:
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
                covariances = [one.covariances for one in parts if one.covariances is not None]
                joined = np.concatenate(covariances) if len(covariances) == len(parts) else None
                shape = parts[0].image_shape
                yield Predictions(image, boxes, points, confidences, people, joined, shape), people


def _joined(parts: Sequence[JointPairs]) -> JointPairs:
    """People of several images; covariances only if all but the first, which is empty, have them."""
    covariances = [part.covariances for part in parts[1:] if part.covariances is not None]
    complete = len(covariances) == len(parts) - 1 and bool(covariances)
    return JointPairs(
        images=np.concatenate([part.images for part in parts]),
        confidences=np.concatenate([part.confidences for part in parts]),
        oks=np.concatenate([part.oks for part in parts]),
        labeled=np.concatenate([part.labeled for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
        areas=np.concatenate([part.areas for part in parts]),
        covariances=np.concatenate(covariances) if complete else None,
    )
