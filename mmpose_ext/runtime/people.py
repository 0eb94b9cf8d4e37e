"""People found in an image, and the forms in which other programs take them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .calibration import Calibration

if TYPE_CHECKING:
    import supervision as sv

__all__ = ['People']


@dataclass(frozen=True)
class People:
    """Keypoints of N people in one image.

    Attributes:
        boxes: (N, 4) x1, y1, x2, y2 in pixels of the image.
        box_scores: (N,) of the detector, 1 where the boxes were given.
        keypoints: (N, K, D) x, y in pixels of the image and, where D is 3, the depth in millimeters.
        scores: (N, K) confidence of each joint.
        sigmas: (N, K, D) spread of each joint in pixels of the image (and millimeters), where the model predicts it.
        covariances: (N, K, D, D) of the error of each joint in square pixels of the image (and millimeters), if asked
            for.
        person_scores: (N,) expected OKS of each person, where a calibration is applied.
        track_ids: (N,) numbers that stay with a person through a video, where people are tracked.
        notes: What was left out, one sentence each.
    """

    boxes: np.ndarray
    box_scores: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    sigmas: np.ndarray | None = None
    track_ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    covariances: np.ndarray | None = None
    person_scores: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls, joints: int, dim: int = 2, notes: tuple[str, ...] = ()) -> 'People':
        """Nobody, for a model of ``joints`` joints with ``dim`` axes."""
        return cls(
            boxes=np.zeros((0, 4), np.float32),
            box_scores=np.zeros(0, np.float32),
            keypoints=np.zeros((0, joints, dim), np.float32),
            scores=np.zeros((0, joints), np.float32),
            notes=notes,
        )

    @property
    def instance_scores(self) -> np.ndarray:
        """(N,) one confidence for each person: the score of the box times that of the pose.

        The score of the pose is the person's expected OKS where a calibration is applied, else the mean score of the
        joints.
        """
        if not len(self):
            return np.zeros(0, np.float32)
        return self.box_scores * (self.scores.mean(-1) if self.person_scores is None else self.person_scores)

    def calibrated(self, calibration: Calibration) -> 'People':
        """The people with calibrated scores and covariances."""
        return replace(
            self,
            scores=calibration.joint_scores(self.scores),
            person_scores=calibration.person_scores(self.scores),
            covariances=None if self.covariances is None else calibration.covariances(self.covariances),
        )

    def select(self, chosen: np.ndarray) -> 'People':
        """Some of the people.

        Args:
            chosen: (M,) indices or (N,) flags.
        """
        return replace(
            self,
            boxes=self.boxes[chosen],
            box_scores=self.box_scores[chosen],
            keypoints=self.keypoints[chosen],
            scores=self.scores[chosen],
            sigmas=None if self.sigmas is None else self.sigmas[chosen],
            track_ids=None if self.track_ids is None else self.track_ids[chosen],
            covariances=None if self.covariances is None else self.covariances[chosen],
            person_scores=None if self.person_scores is None else self.person_scores[chosen],
        )

    def to_coco(self, image_id: int, category_id: int = 1) -> list[dict[str, object]]:
        """The people as entries of a COCO result file, which ``COCO.loadRes`` of pycocotools reads.

        Args:
            image_id: Of the image.
            category_id: Of the people.

        Returns:
            For each person ``keypoints`` (x, y, score for each joint), ``score``, ``bbox`` (x, y, w, h), ``area`` and,
            where there are any, ``keypoint_sigmas``, ``keypoint_covariances`` (for each joint D rows of D numbers, or
            None where they are not finite), ``keypoint_depths`` and ``track_id``. A joint that is not finite is (0, 0,
            0).
        """
        entries = []
        for person in range(len(self)):
            x1, y1, x2, y2 = (float(side) for side in self.boxes[person])
            triples = np.column_stack((self.keypoints[person, :, :2], self.scores[person]))
            # json has no NaN; COCO's joint without a place is (0, 0, 0)
            triples[~np.isfinite(triples).all(-1)] = 0
            entry: dict[str, object] = dict(
                image_id=image_id,
                category_id=category_id,
                keypoints=_rounded(triples.ravel()),
                score=float(np.nan_to_num(self.instance_scores[person], nan=0.0, posinf=0.0, neginf=0.0)),
                bbox=_rounded(np.array([x1, y1, x2 - x1, y2 - y1])),
                area=round((x2 - x1) * (y2 - y1), 3),
            )
            if self.keypoints.shape[-1] == 3:
                entry['keypoint_depths'] = _rounded(self.keypoints[person, :, 2])
            if self.sigmas is not None:
                entry['keypoint_sigmas'] = [_rounded(sigma) for sigma in self.sigmas[person]]
            if self.covariances is not None:
                # numbers in place of an unknown covariance would say that the joint is certain
                entry['keypoint_covariances'] = [
                    [_rounded(row) for row in one] if np.isfinite(one).all() else None
                    for one in self.covariances[person]
                ]
            if self.track_ids is not None:
                entry['track_id'] = int(self.track_ids[person])
            entries.append(entry)
        return entries

    def to_supervision(self) -> 'sv.KeyPoints':
        """The people as ``supervision.KeyPoints`` (optional package ``supervision``).

        Covariances on x and y or, without them, those of independent sigmas are in ``data['covariance']``, which its
        annotators of ellipses read; depth is in ``data['depth']``.

        Raises:
            ImportError: If ``supervision`` is not installed.
        """
        try:
            import supervision as sv
        except ImportError as error:
            raise ImportError("to_supervision() needs 'supervision': pip install 'mmpose_ext[supervision]'") from error
        data: dict[str, np.ndarray] = {}
        if self.keypoints.shape[-1] == 3:
            data['depth'] = self.keypoints[..., 2]
        if self.covariances is not None:
            data['covariance'] = self.covariances[..., :2, :2]
        elif self.sigmas is not None:
            variances = self.sigmas[..., :2] ** 2
            data['covariance'] = variances[..., None] * np.eye(2, dtype=np.float32)
        return sv.KeyPoints(
            xy=self.keypoints[..., :2],
            keypoint_confidence=self.scores,
            detection_confidence=self.box_scores,
            class_id=np.zeros(len(self), int),
            data=data,
        )


def _rounded(values: np.ndarray) -> list[float]:
    """Numbers with three decimals, a thousandth of a pixel; json has no place for those that are not finite: 0."""
    return [round(float(value), 3) for value in np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)]
