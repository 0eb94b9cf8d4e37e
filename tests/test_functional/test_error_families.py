"""Families of errors against SciPy's distributions, integrals and samples."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from mmpose_ext.functional import (
    ERROR_FAMILIES,
    auroc,
    average_precision,
    error_log_density,
    mahalanobis,
    region_radius,
)

SHAPES = dict(gaussian=(), laplace=(), student_t=(3.0,), mixture=(0.3, 20.0), mixture3=(0.3, 4.0, 0.2, 50.0))
COVARIANCE = np.array([[9.0, 3.0], [3.0, 4.0]])


def test_lengths_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    errors, factors = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 3, 3))
    covariances = factors @ factors.swapaxes(-1, -2)
    found = mahalanobis(errors, covariances)
    for index in np.ndindex(4, 5):
        error = errors[index]
        assert found[index] == pytest.approx(math.sqrt(error @ np.linalg.inv(covariances[index]) @ error))


@pytest.mark.parametrize(
    'covariance',
    [
        np.zeros((2, 2)),
        -np.eye(2),
        np.ones((2, 2)),
        np.diag([1.0, -1.0]),
        np.full((2, 2), np.nan),
        np.full((2, 2), np.inf),
    ],
    ids=['zero', 'negative', 'singular', 'indefinite', 'nan', 'inf'],
)
def test_what_is_no_covariance_holds_nothing(covariance):
    assert mahalanobis(np.array([1.0, 2.0]), covariance) == np.inf
    assert error_log_density(np.array([1.0, 2.0]), covariance) == -np.inf


@pytest.mark.parametrize('error', [np.nan, np.inf])
def test_an_unknown_error_is_nowhere(error):
    assert mahalanobis(np.array([error, 0.0]), COVARIANCE) == np.inf


def test_densities_are_those_of_scipy():
    errors = np.random.default_rng(0).normal(size=(20, 2)) * 3
    gaussian = stats.multivariate_normal(np.zeros(2), COVARIANCE)
    np.testing.assert_allclose(error_log_density(errors, COVARIANCE), gaussian.logpdf(errors))
    for degrees in (0.7, 3.0, 50.0):
        student = stats.multivariate_t(np.zeros(2), COVARIANCE, df=degrees)
        found = error_log_density(errors, COVARIANCE, 'student_t', (degrees,))
        np.testing.assert_allclose(found, student.logpdf(errors))
    wide = stats.multivariate_normal(np.zeros(2), 20 * COVARIANCE)
    expected = np.log(0.7 * gaussian.pdf(errors) + 0.3 * wide.pdf(errors))
    np.testing.assert_allclose(error_log_density(errors, COVARIANCE, 'mixture', (0.3, 20.0)), expected)
    wider = stats.multivariate_normal(np.zeros(2), 50 * COVARIANCE)
    expected = np.log(0.6 * gaussian.pdf(errors) + 0.3 * wide.pdf(errors) + 0.1 * wider.pdf(errors))
    shape = (0.3, 20.0, 0.1, 50.0)
    np.testing.assert_allclose(error_log_density(errors, COVARIANCE, 'mixture3', shape), expected)


@pytest.mark.parametrize('family', ERROR_FAMILIES)
@pytest.mark.parametrize('level', [0.5, 0.9])
def test_a_region_holds_its_share_of_the_density(family, level):
    """By the sum over a fine grid inside of the ellipse."""
    radius = region_radius(level, family, shape=SHAPES[family])
    side = np.linspace(-1, 1, 1201) * radius * 3.01
    errors = np.stack(np.meshgrid(side, side), -1)
    density = np.exp(error_log_density(errors, COVARIANCE, family, SHAPES[family])) * (side[1] - side[0]) ** 2
    assert density[mahalanobis(errors, COVARIANCE) <= radius].sum() == pytest.approx(level, abs=2e-3)


@pytest.mark.parametrize('family', ERROR_FAMILIES)
def test_a_region_with_depth_holds_its_share_of_samples(family):
    rng = np.random.default_rng(0)
    count, dim = 100_000, 3
    directions = rng.normal(size=(count, dim))
    lengths = dict(
        gaussian=lambda: np.sqrt(rng.chisquare(dim, count)),
        laplace=lambda: rng.gamma(dim, 1.0, count),
        student_t=lambda: np.sqrt(dim * rng.f(dim, 3.0, count)),
        mixture=lambda: np.sqrt(rng.chisquare(dim, count) * np.where(rng.random(count) < 0.3, 20.0, 1.0)),
        mixture3=lambda: np.sqrt(rng.chisquare(dim, count) * rng.choice([1, 4, 50], count, p=[0.5, 0.3, 0.2])),
    )[family]()
    errors = directions / np.linalg.norm(directions, axis=1, keepdims=True) * lengths[:, None]
    for level in (0.5, 0.95):
        radius = region_radius(level, family, dim, SHAPES[family])
        assert (mahalanobis(errors, np.eye(dim)) <= radius).mean() == pytest.approx(level, abs=5e-3)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="'family' must be"):
        region_radius(0.5, 'cauchy')
    for family, shape in [
        ('student_t', (0.0,)),
        ('student_t', ()),
        ('mixture', (0.2, 0.5)),
        ('mixture', (0.2, 2.0, 0.2, 3.0)),
        ('mixture3', (0.2, 2.0)),
        ('mixture3', (0.6, 2.0, 0.4, 3.0)),
        ('mixture3', (0.6, 2.0, math.nan, 3.0)),
        ('gaussian', (1.0,)),
    ]:
        with pytest.raises(ValueError, match=f"'shape' must be .* for the family '{family}'"):
            region_radius(0.5, family, shape=shape)
    with pytest.raises(ValueError, match="'level' must be"):
        region_radius(1.0)


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for digits in (1, 8):  # with and without equal confidences
        confidences, right = rng.random(200).round(digits), rng.random(200) < 0.4
        assert auroc(confidences, right) == pytest.approx(roc_auc_score(right, confidences))
    assert math.isnan(auroc(np.ones(3), np.ones(3)))
    assert math.isnan(auroc(np.array([0.5, np.nan]), np.array([True, False])))


def test_average_precision_is_that_of_cocos_program():
    """One person in each image, who is predicted once."""
    rng = np.random.default_rng(1)
    joints, count = 17, 60
    images = [dict(id=n, width=200, height=200) for n in range(count)]
    truth, results, oks = [], [], []
    scores = rng.random(count).round(4)
    sigmas = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
    for n in range(count):
        points = rng.uniform(20, 180, (joints, 2))
        found = points + rng.normal(size=points.shape) * rng.uniform(0, 12)
        area = 120.0**2
        squared = ((points - found) ** 2).sum(-1)
        oks.append(np.exp(-squared / (2 * (2 * sigmas) ** 2 * area)).mean())
        common = dict(image_id=n, category_id=1, id=n + 1, area=area, bbox=[10, 10, 170, 170])
        truth.append(
            dict(common, keypoints=np.insert(points, 2, 2, 1).ravel().tolist(), num_keypoints=joints, iscrowd=0)
        )
        results.append(
            dict(image_id=n, category_id=1, keypoints=np.insert(found, 2, 1, 1).ravel().tolist(), score=scores[n])
        )
    coco = COCO()
    coco.dataset = dict(images=images, annotations=truth, categories=[dict(id=1, name='person')])
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(results), 'keypoints', sigmas, use_area=True)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert average_precision(scores, np.array(oks)) == pytest.approx(evaluation.stats[0], abs=1e-6)
    assert 0.1 < evaluation.stats[0] < 0.9
    assert math.isnan(average_precision(np.zeros(0), np.zeros(0)))
