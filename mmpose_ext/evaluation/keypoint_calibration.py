"""Whether confidences and covariances mean what they say: likelihood, coverage, calibration error, AUROC."""

from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from mmpose_ext.functional import (
    ERROR_FAMILIES,
    auroc,
    average_precision,
    calibration_error,
    check_choice,
    error_log_density,
    mahalanobis,
    region_radius,
)
from mmpose_ext.registry import METRICS

from .confidence_correlation import ConfidenceCorrelation, Predictions
from .joint_pairs import JointPairs

__all__ = ['COVERAGE_LEVELS', 'KeypointCalibration', 'calibration_figures', 'covariance_figures']

#: Shares of all errors whose ellipses are looked at.
COVERAGE_LEVELS = (0.5, 0.9, 0.95)


@METRICS.register_module()
class KeypointCalibration(ConfidenceCorrelation):
    """How far confidences and covariances of joints are from what they stand for.

    Confidences of any top-down head are measured, MMPose's among them. Covariances need a head of this package with
    ``model.test_cfg.output_covariances=True``. Only joints that are labeled inside of the image count, because nothing
    is known of the errors of others.

    =========================  =========================================================================================
    ``ECE (OKS)``              expected calibration error of the confidence, read as the expected OKS of the joint
    ``ECE (right)``            the same of the confidence, read as the probability that the joint is right
    ``AUROC``                  how well the confidence tells right joints from wrong ones
    ``AP (mean score)``        AP of people ranked by the mean confidence of their joints, see
                               :func:`mmpose_ext.functional.average_precision`
    ``NLL``                    mean negative log-likelihood of the errors in nats, of joints whose density is not 0
    ``coverage@50``, 90, 95    share of the joints inside of the ellipse that should hold 50, 90 or 95 %
    =========================  =========================================================================================

    A joint is right if its OKS is above ``threshold``. Covariances that are not finite or not positive definite hold no
    joint; their number is logged.

    Args:
        threshold: OKS above which a joint is right.
        family: Family of the errors, one of ``mmpose_ext.functional.ERROR_FAMILIES``, whose scale the covariances
            are.
        shape: Of the family, see :func:`mmpose_ext.functional.error_log_density`.
        field: As in :class:`ConfidenceCorrelation`, as are the following.
        negate: Not used by this metric.
        use_area: See there.
        sigmas: See there.
        ann_file: See there.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the figures; default ``calibration``.
        collect_dir: See MMEngine's ``BaseMetric``.

    Attributes:
        pairs: Of the last evaluation; None before.

    Raises:
        ValueError: If an argument is out of range, or as in :class:`ConfidenceCorrelation`.
    """

    default_prefix = 'calibration'

    def __init__(
        self,
        threshold: float = 0.5,
        family: str = 'gaussian',
        shape: Sequence[float] = (),
        field: str = 'keypoint_scores',
        negate: bool = False,
        use_area: bool = True,
        sigmas: float | Sequence[float] | None = None,
        ann_file: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(field, negate, use_area, sigmas, ann_file, collect_device, prefix, collect_dir)
        check_choice('family', family, ERROR_FAMILIES)
        region_radius(0.5, family, shape=shape)
        if not 0 < threshold < 1:
            raise ValueError(f"'threshold' must be a number above 0 and below 1, got {threshold!r}")
        self.threshold = threshold
        self.family = family
        self.shape = tuple(shape)
        self.pairs: JointPairs | None = None

    def compute_metrics(self, results: Sequence[Predictions]) -> dict[str, float]:
        """Figures of everything that was processed; see the class for their names."""
        pairs = self.pairs = self.compare(results, inside_image=True)
        print_log(f'{type(self).__name__}: {pairs.labeled.sum()} joints of {len(pairs)} people', 'current')
        figures = calibration_figures(pairs, pairs.confidences, self.threshold)
        if pairs.covariances is None:
            return figures
        lengths = mahalanobis(pairs.errors[pairs.labeled], pairs.covariances[pairs.labeled])
        if not np.isfinite(lengths).all():
            print_log(f'{(~np.isfinite(lengths)).sum()} covariances are not positive definite', 'current')
        radii = [region_radius(level, self.family, 2, self.shape) for level in COVERAGE_LEVELS]
        return figures | covariance_figures(pairs, pairs.covariances, radii, self.family, self.shape)


def calibration_figures(
    pairs: JointPairs, confidences: np.ndarray, threshold: float = 0.5, probabilities: np.ndarray | None = None
) -> dict[str, float]:
    """Figures of confidences.

    Args:
        pairs: Of P people.
        confidences: (P, K) read as the expected OKS.
        threshold: OKS above which a joint is right.
        probabilities: (P, K) that the joint is right; None: the confidences.
    """
    labeled = pairs.labeled
    oks, right = pairs.oks[labeled], pairs.oks[labeled] > threshold
    chance = confidences if probabilities is None else probabilities
    people = confidences.mean(1) if len(pairs) else np.zeros(0)
    return {
        'ECE (OKS)': calibration_error(confidences[labeled], oks),
        'ECE (right)': calibration_error(chance[labeled], right),
        'AUROC': auroc(chance[labeled], right),
        'AP (mean score)': average_precision(people, pairs.person_oks),
    }


def covariance_figures(
    pairs: JointPairs,
    covariances: np.ndarray,
    radii: Sequence[float | np.ndarray],
    family: str = 'gaussian',
    shape: Sequence[float] = (),
) -> dict[str, float]:
    """Figures of covariances; NaN without a labeled joint.

    Args:
        pairs: Of P people.
        covariances: (P, K, 2, 2), the scale of the family.
        radii: For each of :data:`COVERAGE_LEVELS` the Mahalanobis length of its ellipse, for all joints or (K,).
        family: See :func:`mmpose_ext.functional.error_log_density`.
        shape: See there.
    """
    labeled = pairs.labeled
    if not labeled.any():
        return {name: float('nan') for name in ('NLL', *(f'coverage@{100 * level:.0f}' for level in COVERAGE_LEVELS))}
    densities = error_log_density(pairs.errors[labeled], covariances[labeled], family, shape)
    known = np.isfinite(densities)
    figures = {'NLL': float(-densities[known].mean()) if known.any() else float('nan')}
    lengths = mahalanobis(pairs.errors, covariances)
    for level, radius in zip(COVERAGE_LEVELS, radii, strict=True):
        figures[f'coverage@{100 * level:.0f}'] = float((lengths <= radius)[labeled].mean())
    return figures
