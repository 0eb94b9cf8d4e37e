"""Fit a calibration on one half of the people, and measure it on the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.evaluation.keypoint_calibration import COVERAGE_LEVELS, calibration_figures, covariance_figures
from mmpose_ext.functional import average_precision, mahalanobis, region_radius
from mmpose_ext.runtime.calibration import PERSON_SCORES, Calibration, CovarianceScale, mean_scores

from .covariance_fit import fit_covariances
from .family_fit import FamilyFit
from .score_fit import CurveFit, fit_curve, rising_curve

__all__ = ['FEWEST_PEOPLE', 'CalibrationFit', 'figures', 'fit_calibration', 'split_people']

FEWEST_PEOPLE = 200
_RIGHT = 0.5  # OKS above which a joint is right
_AP_MARGIN = 0.005  # by which another ranking has to be better on the fitted people to be taken


@dataclass(frozen=True)
class CalibrationFit:
    """A calibration, and what it was chosen from.

    Args:
        calibration: What is applied.
        families: Every family of errors that was fitted; none without covariances.
        expected_oks: The curve of the expected OKS with the alternatives.
    """

    calibration: Calibration
    families: Sequence[FamilyFit]
    expected_oks: CurveFit


def split_people(pairs: JointPairs, seed: int = 0) -> tuple[JointPairs, JointPairs]:
    """Two halves of the people by the images, so that no image is in both.

    Raises:
        ValueError: If there are fewer than 200 people.
    """
    if len(pairs) < FEWEST_PEOPLE:
        raise ValueError(
            f'a calibration needs {FEWEST_PEOPLE} people with a labeled joint or more in the validation data, got '
            f'{len(pairs)}'
        )
    names, index = np.unique(pairs.images.astype(str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    first = order[index] < len(names) // 2
    return pairs.select(first), pairs.select(~first)


def fit_calibration(
    pairs: JointPairs, joint_names: Sequence[str], fitted_on: Mapping[str, object] | None = None, seed: int = 0
) -> CalibrationFit:
    """Fit scores and covariances.

    Args:
        pairs: Predicted people beside the labeled ones.
        joint_names: (K,).
        fitted_on: What is written into the file about these people.
        seed: Of the cross validations.

    Raises:
        ValueError: If no joint is labeled, fewer than two scores are finite, or there are covariances and none of them
            is positive definite.
    """
    labeled = pairs.labeled
    if not labeled.any():
        raise ValueError('a calibration needs labeled joints inside of their images, got none')
    images = np.broadcast_to(pairs.images[:, None], labeled.shape)
    scores, oks = pairs.confidences[labeled], pairs.oks[labeled]
    expected = fit_curve(scores, oks, images[labeled])
    probability = fit_curve(scores, (oks > _RIGHT).astype(float), images[labeled])
    visibility = fit_curve(pairs.confidences.ravel(), labeled.ravel().astype(float), images.ravel())
    scale, families = _fit_covariances(pairs, seed)
    calibration = Calibration(
        tuple(joint_names),
        expected.curve,
        probability.curve,
        visibility.curve,
        rising_curve(mean_scores(pairs.confidences), pairs.person_oks),
        person_score='score',
        covariance=scale,
        fitted_on=dict(
            fitted_on or {},
            people=len(pairs),
            joints=int(labeled.sum()),
            joints_without_a_label_in_the_image=int((~labeled).sum()),
            score_method=expected.method,
        ),
    )
    return CalibrationFit(replace(calibration, person_score=_chosen_score(pairs, calibration)), families, expected)


def _fit_covariances(pairs: JointPairs, seed: int) -> tuple[CovarianceScale | None, Sequence[FamilyFit]]:
    """The scale of the covariances and all families; nothing without covariances."""
    if pairs.covariances is None:
        return None, []
    lengths = mahalanobis(pairs.errors, pairs.covariances)
    if not np.isfinite(lengths[pairs.labeled]).any():
        raise ValueError('a calibration needs predicted covariances that are positive definite, got none')
    return fit_covariances(lengths, pairs.labeled, pairs.images, COVERAGE_LEVELS, seed)


def _chosen_score(pairs: JointPairs, calibration: Calibration) -> str:
    """What people are ranked by: the mean score, unless another one has an AP that is higher by more than noise."""
    found = {
        name: average_precision(
            replace(calibration, person_score=name).person_scores(pairs.confidences), pairs.person_oks
        )
        for name in PERSON_SCORES
    }
    best = max(found, key=lambda name: found[name])
    return best if found[best] > found['score'] + _AP_MARGIN else 'score'


def figures(pairs: JointPairs, calibration: Calibration | None = None) -> dict[str, float]:
    """Figures of people, as the head predicts them or with a calibration; see ``KeypointCalibration`` for their names.

    With a calibration ``AP (mean score)`` is that of people ranked by the mean expected OKS of their joints, ``AP
    (visibility)`` that with joints weighted by their visibility, ``AP (chosen)`` that of the score which is applied.
    ``conformal@50``, 90 and 95 is the coverage of the conformal radii.
    """
    if calibration is None:
        found = calibration_figures(pairs, pairs.confidences, _RIGHT)
        if pairs.covariances is None:
            return found
        radii = [region_radius(level) for level in COVERAGE_LEVELS]
        return found | covariance_figures(pairs, pairs.covariances, radii)
    scores = calibration.joint_scores(pairs.confidences).astype(np.float64)
    chance = calibration.probability(pairs.confidences).astype(np.float64)
    found = calibration_figures(pairs, scores, _RIGHT, chance)
    rankings = {'AP (mean score)': 'joints', 'AP (visibility)': 'visibility', 'AP (chosen)': calibration.person_score}
    for name, kind in rankings.items():
        ranked = replace(calibration, person_score=kind).person_scores(pairs.confidences)
        found[name] = average_precision(ranked, pairs.person_oks)
    scale = calibration.covariance
    if pairs.covariances is None or scale is None:
        return found
    covariances = pairs.covariances * scale.joint_scales[:, None, None]
    found |= covariance_figures(pairs, covariances, scale.radii.tolist(), scale.family, scale.shape)
    conformal = covariance_figures(pairs, covariances, list(scale.conformal_radii))
    return found | {name.replace('coverage', 'conformal'): value for name, value in conformal.items() if name != 'NLL'}
