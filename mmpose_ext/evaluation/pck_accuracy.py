"""PCK of the papers: by the torso (LSP, FLIC) and by the head (MPII), with the area under its curve."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmpose_ext.functional import (
    area_under_curve,
    check_choice,
    check_positive,
    check_shape,
    normalized_distances,
    pck_curve,
)
from mmpose_ext.registry import METRICS

from .arrays import DatasetMeta, Fields, Sample, to_array

__all__ = ['PCKhAccuracy', 'TorsoPCKAccuracy']

_STEP = 0.01  # between the thresholds of a curve
_HEAD = ('upper_neck', 'neck', 'head_top')
_NOT_EVALUATED = ('pelvis', 'thorax')  # MPII's programs leave them out
_ORDER = ('Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle')  # of the papers' tables


class _PCK(BaseMetric):
    """Base class of the metrics here: the distances of each sample and the figures of all samples."""

    threshold = 0.5
    head: Sequence[str] = _HEAD

    @property
    def dataset_meta(self) -> DatasetMeta | None:
        """Meta information of the dataset; MMEngine sets it before a training starts."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: DatasetMeta) -> None:
        self._dataset_meta = dataset_meta
        self._names = [dataset_meta['keypoint_id2name'][joint] for joint in range(dataset_meta['num_keypoints'])]
        self._groups = _joint_groups(self._names, self.head)
        self._prepare()

    def _prepare(self) -> None:
        """Look up in the dataset's joints what a metric needs."""

    def process(self, data_batch: object, data_samples: Sequence[Sample]) -> None:
        """Keep the distances of a batch: one entry for each sample, so that MMEngine can cut off padded ones.

        Args:
            data_batch: Not used.
            data_samples: Samples as dictionaries, with ``pred_instances`` and ``gt_instances``.
        """
        for sample in data_samples:
            truth, joints = sample['gt_instances'], len(self._names)
            targets = to_array(truth['keypoints'])[..., :2]
            sizes = check_shape('gt_instances.keypoints', targets, 'N K 2', K=joints)
            points = to_array(sample['pred_instances']['keypoints'])[..., :2]
            check_shape('pred_instances.keypoints', points, 'N K 2', **sizes)
            labeled = to_array(truth['keypoints_visible'])
            # the third axis, if any, holds weights beside the visibility
            labeled = (labeled[..., 0] if labeled.ndim == 3 else labeled) > 0
            scales = self._scales(truth, targets, labeled)
            self.results.append(normalized_distances(self._placed(points), targets, labeled, scales))

    def _placed(self, points: np.ndarray) -> np.ndarray:
        return points

    def _scales(self, truth: Fields, targets: np.ndarray, labeled: np.ndarray) -> np.ndarray:
        """Lengths (N,) by which the distances of N people are divided; NaN where it is not known."""
        raise NotImplementedError

    def compute_metrics(self, results: Sequence[np.ndarray]) -> dict[str, float]:
        """Figures in percent of everything that :meth:`process` kept; see the class for their names."""
        distances = np.concatenate([np.zeros((0, len(self._names))), *results])
        counted = ~np.isnan(distances)
        people = counted.any(1)
        print_log(f'{type(self).__name__}: {counted.sum()} joints of {people.sum()} people', 'current')
        if not people.all():
            what = f'{(~people).sum()} of {len(people)} people are not counted: no label, or nothing to measure by'
            print_log(f'{type(self).__name__}: {what}', 'current', logging.WARNING)
        thresholds = np.linspace(0, self.threshold, max(1, round(self.threshold / _STEP)) + 1)
        shares = 100 * pck_curve(distances, np.array([self.threshold]))[0]
        evaluated = [joint for joint, name in enumerate(self._names) if name not in _NOT_EVALUATED]
        together = distances[:, evaluated].reshape(-1, 1)
        figures = {'Mean': 100 * float(pck_curve(together, np.array([self.threshold]))[0, 0])}
        figures['AUC'] = 100 * area_under_curve(thresholds, pck_curve(together, thresholds)[:, 0])
        figures |= self._more(together)
        return figures | {name: _mean(shares[joints]) for name, joints in self._groups.items()}

    def _more(self, together: np.ndarray) -> dict[str, float]:
        return {}


@METRICS.register_module()
class TorsoPCKAccuracy(_PCK):
    """PCK by the size of the torso: LSP's and FLIC's PCK@0.2.

    A joint is correct if it is no farther from its label than .2 times the person's torso, which is the distance of a
    shoulder from the hip of the other side ("Modec: Multimodal Decomposable Models for Human Pose Estimation", Sapp and
    Taskar, CVPR 2013). Figures, in percent:

    ==========================  ========================================================================================
    ``Mean``                    of all labeled joints together
    ``AUC``                     area under the curve of ``Mean`` over the thresholds 0, .01 ... .2, divided by .2
    ``Head``, ``Shoulder`` ...  mean of left and right; head is the mean of the neck and the top of the head
    ==========================  ========================================================================================

    These are the figures of the evaluation programs behind the papers' tables of LSP; the released predictions of Yang
    et al. (CVPR 2016) give their published row to every digit. MMPose's ``PCKAccuracy(norm_item='torso')`` is another
    metric: its torso is the distance of joints 4 and 5, a choice for JHMDB; it takes the *predicted* torso where the
    labeled one is short; and a distance that equals the threshold is not correct.

    Labels are compared as they are: person-centric annotations (left is the person's left) and observer-centric ones
    (left is the image's right) give different figures of different networks. Occluded joints count, as in
    these programs.

    Args:
        threshold: In torsos.
        torso: Names of the shoulder and the hip. The default is LSP's; FLIC's in Newell's annotations is
            ``('right_shoulder', 'left_hip')``. A person without one of the labels is not counted.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the figures; default ``PCK``.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If the threshold is not above zero or the dataset has no such joints.
    """

    default_prefix = 'PCK'

    def __init__(
        self,
        threshold: float = 0.2,
        torso: tuple[str, str] = ('left_shoulder', 'right_hip'),
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        check_positive('threshold', threshold)
        self.threshold = threshold
        self.torso = torso

    def _prepare(self) -> None:
        if len(self.torso) != 2 or not set(self.torso) <= set(self._names):
            names = ', '.join(self._names)
            raise ValueError(f"'torso' must be two joints of the dataset ({names}), got {self.torso!r}")
        self._torso = [self._names.index(name) for name in self.torso]

    def _scales(self, truth: Fields, targets: np.ndarray, labeled: np.ndarray) -> np.ndarray:
        shoulder, hip = self._torso
        length = np.linalg.norm(targets[:, shoulder] - targets[:, hip], axis=-1)
        return np.where(labeled[:, shoulder] & labeled[:, hip], length, np.nan)


@METRICS.register_module()
class PCKhAccuracy(_PCK):
    """MPII's PCKh@0.5 and PCKh@0.1 by the size of the head, and the area under the curve.

    A joint is correct if it is no farther from its label than .5 times .6 times the diagonal of the head's box ("2D
    Human Pose Estimation: New Benchmark and State of the Art Analysis", Andriluka et al., CVPR 2014). MMPose's
    ``MpiiDataset`` computes this size (``head_size``) from its ``headbox_file``. Figures, in percent:

    ==========================  ========================================================================================
    ``Mean``                    of all labeled joints but pelvis and thorax together
    ``AUC``                     area under the curve of ``Mean`` over the thresholds 0, .01 ... .5, divided by .5
    ``Mean@0.1``                as ``Mean``, at the threshold .1 (see below)
    ``Head``, ``Shoulder`` ...  mean of left and right (head: see below)
    ==========================  ========================================================================================

    The two conventions count the same joints by the same size with the same comparison (<=), so that ``Mean``, ``AUC``
    and all groups but the head are equal. They differ in

    ==============  ===================================  ==============================================================
    figure          ``'official'``                       ``'hrnet'``
    ==============  ===================================  ==============================================================
    ``Head``        mean of upper neck and head top      head top alone
    ``Mean@0.1``    at .10                               at .11, which the papers that use this code call @0.1
    ==============  ===================================  ==============================================================

    'official' is the Matlab program of MPII's benchmark, by which the papers' test figures are computed; 'hrnet' the
    Python program of Simple Baselines, HRNet, DARK and FPD for their validation figures, whose ``pckAll[11]`` is the
    threshold .11. ``MpiiPCKAccuracy`` of MMPose is 'hrnet' but for a distance *below* the threshold, a ``PCK@0.1`` at
    .10, and the pixel that ``offset`` is about.

    Args:
        convention: 'official' or 'hrnet'.
        offset: Pixels added to the predictions. MPII counts pixels from 1. MMPose's ``MpiiDataset`` leaves its joints
            as they are, so that a network which learned them needs no offset (0). HRNet's program, those made from it
            and MMPose before 1.0 subtract 1 from the joints they train on: their weights need 1. ``MpiiPCKAccuracy``
            always adds 1, which moves the joints of a perfect network of MMPose 1 by 1.4 pixels.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the figures; default ``PCKh``.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ValueError: If the convention is another, or samples have no ``head_size``.
    """

    default_prefix = 'PCKh'

    def __init__(
        self,
        convention: str = 'official',
        offset: float = 0.0,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        check_choice('convention', convention, ('official', 'hrnet'))
        self.convention = convention
        self.offset = offset
        self.head = _HEAD if convention == 'official' else ('head_top',)

    def _placed(self, points: np.ndarray) -> np.ndarray:
        return points + self.offset

    def _scales(self, truth: Fields, targets: np.ndarray, labeled: np.ndarray) -> np.ndarray:
        if 'head_size' not in truth:
            raise ValueError(
                "'gt_instances' must have the field head_size, which MMPose's MpiiDataset makes of a headbox_file "
                f'(test_mode=True), got {", ".join(sorted(truth))}'
            )
        return to_array(truth['head_size']).reshape(-1)

    def _more(self, together: np.ndarray) -> dict[str, float]:
        threshold = 0.1 if self.convention == 'official' else 0.11
        return {'Mean@0.1': 100 * float(pck_curve(together, np.array([threshold]))[0, 0])}


def _joint_groups(names: Sequence[str], head: Iterable[str]) -> dict[str, list[int]]:
    """Joints of each column of the papers' tables, by name: left and right together."""
    groups: dict[str, list[int]] = {name: [] for name in _ORDER}
    for joint, name in enumerate(names):
        if name in head:
            groups['Head'].append(joint)
        elif name not in _HEAD + _NOT_EVALUATED:
            plain = name.removeprefix('left_').removeprefix('right_')
            groups.setdefault(plain.replace('_', ' ').capitalize(), []).append(joint)
    return {name: joints for name, joints in groups.items() if joints}


def _mean(shares: np.ndarray) -> float:
    """Mean of the joints that somebody labeled; NaN if there are none."""
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if len(known) else float('nan')
