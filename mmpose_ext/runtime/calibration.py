"""What ``tools/calibrate.py`` has measured, and how it changes scores and covariances; without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmpose_ext.files import parse_json

from .json_entries import Entries

__all__ = ['PERSON_SCORES', 'Calibration', 'CovarianceScale', 'Curve', 'mean_scores', 'read_calibration']

_FORMAT = 1
# families of errors, and how many numbers their shape has
_SHAPES = {'gaussian': 0, 'laplace': 0, 'student_t': 1, 'mixture': 2, 'mixture3': 4}
_MIXTURES = ('mixture', 'mixture3')
PERSON_SCORES = ('score', 'joints', 'visibility')
_CURVES = ('expected_oks', 'probability', 'visibility', 'person_oks')


@dataclass(frozen=True)
class Curve:
    """A function that rises with a score: straight lines between points, constant beyond the first and the last.

    Args:
        scores: (M,) rising, M > 0.
        values: (M,) from 0 to 1, not falling.
    """

    scores: np.ndarray
    values: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Values of scores of any shape, float32; 0 for a score that is NaN."""
        scores = np.asarray(scores, np.float64)
        return np.where(np.isnan(scores), 0.0, np.interp(scores, self.scores, self.values)).astype(np.float32)


@dataclass(frozen=True)
class CovarianceScale:
    """How covariances become the scale of a family of errors.

    Args:
        family: 'gaussian', 'laplace', 'student_t', 'mixture' or 'mixture3', see
            :mod:`mmpose_ext.functional.error_families`.
        shape: Of the family: none, none, the degrees of freedom, or share and ratio of each wide Gaussian.
        scale: Factor of the covariances of all joints.
        joint_scales: (K,) factor of each joint, which is used.
        levels: (L,) shares of all errors, rising.
        radii: (L,) Mahalanobis length that the share of the errors does not exceed, by the family.
        conformal_radii: (L, K) the same without a family, by ranks; infinite where too few joints were labeled.
    """

    family: str
    shape: tuple[float, ...]
    scale: float
    joint_scales: np.ndarray
    levels: np.ndarray
    radii: np.ndarray
    conformal_radii: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """A calibration of one checkpoint.

    Args:
        joint_names: (K,) of the dataset that it was fitted on.
        expected_oks: Of a joint by its score.
        probability: That a joint is right (OKS above .5), by its score.
        visibility: Probability that a joint is labeled, by its score.
        person_oks: Expected OKS of a person by the mean score of the joints; rises strictly.
        person_score: What :meth:`person_scores` is computed from: 'score' (the mean score), 'joints' (the expected OKS
            of the joints) or 'visibility' (the same, weighted by :attr:`visibility`).
        covariance: None if the head predicts no covariances.
        fitted_on: What it was fitted on, for people to read.
        measured: Figures on people that it was not fitted on, for people to read.
    """

    joint_names: tuple[str, ...]
    expected_oks: Curve
    probability: Curve
    visibility: Curve
    person_oks: Curve
    person_score: str
    covariance: CovarianceScale | None = None
    fitted_on: Mapping[str, object] = field(default_factory=dict)
    measured: Mapping[str, object] = field(default_factory=dict)

    def joint_scores(self, scores: np.ndarray) -> np.ndarray:
        """Expected OKS (..., K) of joints by their scores (..., K)."""
        self._check_joints('scores', np.shape(scores)[-1])
        return self.expected_oks(scores)

    def person_scores(self, scores: np.ndarray) -> np.ndarray:
        """Expected OKS (...) of people by the scores (..., K) of their joints, which rank predictions.

        With 'score' people keep the order of their mean scores. With 'joints' it is the mean expected OKS of the
        joints. With 'visibility' joints count by the probability that they are labeled, because COCO's OKS of a person
        is a mean over the labeled joints.
        """
        expected = self.joint_scores(scores).astype(np.float64)
        if self.person_score == 'score':
            return self.person_oks(mean_scores(scores))
        if self.person_score == 'joints':
            return expected.mean(-1).astype(np.float32)
        weights = self.visibility(scores).astype(np.float64) + 1e-9
        return ((expected * weights).sum(-1) / weights.sum(-1)).astype(np.float32)

    def covariances(self, covariances: np.ndarray) -> np.ndarray:
        """Covariances (..., K, D, D) times the factor of each joint; a depth, which was not measured, as x and y."""
        if self.covariance is None:
            raise ValueError("'covariance' of the calibration must not be null where covariances are predicted")
        self._check_joints('covariances', np.shape(covariances)[-3])
        return (covariances * self.covariance.joint_scales[:, None, None]).astype(np.float32)

    def check_model(self, joint_names: Sequence[str]) -> None:
        """Check that a model has the joints of the calibration, in the same order.

        Raises:
            ValueError: If a name differs.
        """
        if tuple(joint_names) != self.joint_names:
            raise ValueError(
                f"'calibration' must be that of a model with the joints {', '.join(joint_names)}, got one for "
                f'{", ".join(self.joint_names)}'
            )

    def _check_joints(self, name: str, joints: int) -> None:
        if joints != len(self.joint_names):
            raise ValueError(f"'{name}' must have the calibration's {len(self.joint_names)} joints, got {joints}")

    def to_dict(self) -> dict[str, object]:
        """The calibration as values that json can hold."""
        scale = self.covariance
        covariance = scale and dict(
            family=scale.family,
            shape=_listed(np.array(scale.shape)),
            scale=scale.scale,
            joint_scales=_listed(scale.joint_scales),
            levels=_listed(scale.levels),
            radii=_listed(scale.radii),
            # json has no infinity: null
            conformal_radii=[
                [value if np.isfinite(value) else None for value in row] for row in scale.conformal_radii.tolist()
            ],
        )
        curves = {name: vars(self)[name] for name in _CURVES}
        return dict(
            format=_FORMAT,
            joint_names=list(self.joint_names),
            **{
                name: dict(scores=_listed(curve.scores), values=_listed(curve.values)) for name, curve in curves.items()
            },
            person_score=self.person_score,
            covariance=covariance,
            fitted_on=dict(self.fitted_on),
            measured=dict(self.measured),
        )

    @classmethod
    def from_dict(cls, content: object, source: str = 'calibration') -> 'Calibration':
        """A calibration as :meth:`to_dict` wrote it.

        Args:
            content: What json holds.
            source: Name of the file, for messages.

        Raises:
            ValueError: If an entry is missing or out of range; the message names the file and the entry.
        """
        entries = Entries(content, source, '')
        if entries['format'] != _FORMAT:
            raise ValueError(f"{source}: 'format' must be {_FORMAT}, got {entries['format']!r}")
        names = entries['joint_names']
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{source}: 'joint_names' must be a list of names, got {names!r:.200}")
        return cls(
            joint_names=tuple(names),
            **{name: _curve(entries.inner(name)) for name in _CURVES},
            person_score=entries.choice('person_score', PERSON_SCORES),
            covariance=None
            if entries['covariance'] is None
            else _covariance_scale(entries.inner('covariance'), len(names)),
            fitted_on=entries.mapping('fitted_on'),
            measured=entries.mapping('measured'),
        )


def _curve(entries: Entries) -> Curve:
    scores = entries.rising('scores', None, -1e30, 1e30, strictly=True)
    return Curve(scores, entries.rising('values', len(scores), 0.0, 1.0, strictly=False))


def _covariance_scale(entries: Entries, joints: int) -> CovarianceScale:
    family = entries.choice('family', tuple(_SHAPES))
    levels = entries.rising('levels', None, 1e-6, 1 - 1e-6, strictly=True)
    count = len(levels)
    shape = tuple(entries.numbers('shape', (_SHAPES[family],), 1e-6, 1e12).tolist())
    if family in _MIXTURES and not (sum(shape[::2]) < 1 <= min(shape[1::2])):
        raise entries.mistake('shape', 'shares below 1 in all and ratios from 1')
    return CovarianceScale(
        family=family,
        shape=shape,
        scale=float(entries.numbers('scale', (), 1e-12, 1e12)),
        joint_scales=entries.numbers('joint_scales', (joints,), 1e-12, 1e12),
        levels=levels,
        radii=entries.rising('radii', count, 0.0, 1e12, strictly=False),
        conformal_radii=entries.numbers('conformal_radii', (count, joints), 0.0, 1e12, infinite=True),
    )


def mean_scores(scores: np.ndarray) -> np.ndarray:
    """Mean (...) of the scores (..., K) of a person's joints; one that is not finite counts as 0."""
    means: np.ndarray = np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0).mean(-1)
    return means


def _listed(values: np.ndarray) -> Sequence[float]:
    """Numbers with seven digits, as many as 32 bits have."""
    return [float(f'{value:.7g}') for value in values.tolist()]


def read_calibration(path: str | Path) -> Calibration:
    """Read what ``tools/calibrate.py`` wrote; a file that has not changed is read once.

    Raises:
        ValueError: If the file cannot be read, or is no calibration; the message names the file and the entry.
    """
    try:
        stamp = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ValueError(
            f"'calibration' must be a file of tools/calibrate.py, {path} cannot be read: {error}"
        ) from error
    return _read(str(path), stamp)


@lru_cache(maxsize=16)
def _read(path: str, stamp: int) -> Calibration:
    try:
        content = parse_json(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"'calibration' must be a file of tools/calibrate.py, {path} cannot be read: {error}"
        ) from error
    return Calibration.from_dict(content, path)
