"""Curves of correct keypoints against slow loops, and what is not counted."""

import numpy as np
import pytest

from mmpose_ext.functional import area_under_curve, normalized_distances, pck_curve


def made_up(people=40, joints=5, seed=0):
    """Points, targets, labels and scales of people whose errors reach from none to several scales."""
    rng = np.random.default_rng(seed)
    targets = rng.uniform(0, 200, (people, joints, 2))
    points = targets + rng.normal(size=targets.shape) * rng.uniform(0, 40, (people, joints, 1))
    return points, targets, rng.random((people, joints)) < 0.7, rng.uniform(20, 60, people)


def distances_loop(points, targets, labelled, scales):
    distances = np.full(labelled.shape, np.nan)
    for n in range(len(points)):
        for k in range(labelled.shape[1]):
            if labelled[n, k]:
                dx, dy = points[n, k] - targets[n, k]
                distances[n, k] = (dx**2 + dy**2) ** 0.5 / scales[n]
    return distances


def test_distances():
    people = made_up()
    np.testing.assert_allclose(normalized_distances(*people), distances_loop(*people), rtol=1e-12)


@pytest.mark.parametrize('scale', [0.0, -1.0, np.nan, np.inf])
def test_a_person_without_a_scale_is_not_counted(scale):
    points, targets, labelled, scales = made_up()
    expected = distances_loop(points, targets, labelled, scales)
    scales[3] = scale
    expected[3] = np.nan
    np.testing.assert_allclose(normalized_distances(points, targets, labelled, scales), expected, rtol=1e-12)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_not_finite_is_wrong(value):
    points, targets, labelled, scales = made_up()
    labelled[2, :2] = True, False
    points[2, 0, 1] = points[2, 1, 0] = value
    distances = normalized_distances(points, targets, labelled, scales)
    assert distances[2, 0] == np.inf
    assert np.isnan(distances[2, 1])
    assert (pck_curve(distances[2:3, :1], np.array([0.5, 1e300])) == 0).all()


def test_a_label_that_is_not_finite_is_none():
    points, targets, labelled, scales = made_up()
    labelled[2, 0] = True
    targets[2, 0, 0] = np.nan
    assert np.isnan(normalized_distances(points, targets, labelled, scales)[2, 0])


def test_curve():
    distances = distances_loop(*made_up())
    distances[:, 2] = np.nan  # labeled nowhere
    thresholds = np.arange(11) / 10
    expected = np.full((11, 5), np.nan)
    for t, threshold in enumerate(thresholds):
        for k in (0, 1, 3, 4):
            known = [distance for distance in distances[:, k] if distance == distance]
            expected[t, k] = sum(distance <= threshold for distance in known) / len(known)
    np.testing.assert_array_equal(pck_curve(distances, thresholds), expected)
    assert np.nanmax(expected) > 0.8


def test_a_joint_at_the_threshold_is_correct():
    """10 of 100 pixels, which float32 would take for more than .1."""
    targets = np.zeros((1, 1, 2))
    distances = normalized_distances(targets + np.array([6, 8]), targets, np.ones((1, 1)), np.array([100]))
    assert float(np.float32(distances[0, 0])) > 0.1
    assert pck_curve(distances, np.array([0.1])) == 1


def test_nobody():
    distances = normalized_distances(np.zeros((0, 3, 2)), np.zeros((0, 3, 2)), np.zeros((0, 3)), np.zeros(0))
    assert distances.shape == (0, 3)
    assert np.isnan(pck_curve(distances, np.array([0.1, 0.2]))).all()


def test_area():
    thresholds = np.array([0.0, 0.1, 0.4, 0.5])
    values = np.array([0.0, 0.4, 0.4, 1.0])
    # .02 + .12 + .07 of a range of .5
    assert area_under_curve(thresholds, values) == pytest.approx(0.21 / 0.5)
    assert area_under_curve(thresholds, np.ones(4)) == 1
    assert np.isnan(area_under_curve(thresholds, np.array([0, np.nan, 1, 1])))


def test_area_is_that_of_a_fine_curve():
    """As Matlab's quadrature of the interpolated curve, whose axis was scaled to 0 ... 1."""
    thresholds = np.sort(np.random.default_rng(0).uniform(0, 0.5, 12))
    values = np.random.default_rng(1).random(12)
    fine = np.linspace(thresholds[0], thresholds[-1], 200_001)
    assert area_under_curve(thresholds, values) == pytest.approx(np.interp(fine, thresholds, values).mean(), abs=1e-5)


@pytest.mark.parametrize('thresholds', [[0.1], [0.1, 0.1], [0.2, 0.1]])
def test_thresholds_that_do_not_rise(thresholds):
    with pytest.raises(ValueError, match="'thresholds' must be two or more rising numbers, got"):
        area_under_curve(np.array(thresholds), np.zeros(len(thresholds)))


def test_shapes_are_checked():
    points, targets, labelled, scales = made_up()
    with pytest.raises(ValueError, match=r"'targets' must have shape \(N, K, 2\) with N=40, K=5"):
        normalized_distances(points, targets[:, :4], labelled, scales)
    with pytest.raises(ValueError, match=r"'scales' must have shape \(N\)"):
        normalized_distances(points, targets, labelled, scales[:, None])
