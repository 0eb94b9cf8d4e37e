import numpy as np
import pytest
from scipy import stats

from mmpose_ext.functional import calibration_error, pearson, spearman

SIDES = {
    'normal': lambda rng: rng.normal(3, 2, 200),
    'many ties': lambda rng: rng.integers(0, 5, 200),
    'far from zero': lambda rng: 1e8 + rng.random(200),
    'two values': lambda rng: np.where(rng.random(200) < 0.1, 0.5, 0.25),
    'skewed': lambda rng: np.exp(3 * rng.normal(size=200)),
}


def pairs(first, second):
    rng = np.random.default_rng(0)
    x, y = SIDES[first](rng), SIDES[second](rng)
    return x, y + 0.3 * np.std(y) / np.std(x) * (x - x.mean()) * (second != 'many ties')


@pytest.mark.parametrize('first', SIDES)
@pytest.mark.parametrize('second', SIDES)
def test_equal_to_scipy(first, second):
    x, y = pairs(first, second)
    np.testing.assert_allclose(pearson(x, y), stats.pearsonr(x, y)[0], atol=1e-9)
    np.testing.assert_allclose(spearman(x, y), stats.spearmanr(x, y)[0], atol=1e-12)


@pytest.mark.parametrize('count', [2, 3, 4])
def test_few_pairs_equal_to_scipy(count):
    x, y = np.random.default_rng(1).normal(size=(2, count))
    np.testing.assert_allclose(pearson(x, y), stats.pearsonr(x, y)[0])
    np.testing.assert_allclose(spearman(x, y), stats.spearmanr(x, y)[0])


def test_by_hand():
    x, y = np.array([1, 2, 3, 4]), np.array([1, 3, 2, 4])
    assert pearson(x, y) == pytest.approx(0.8)
    assert pearson(x, np.exp(5 * x)) < 0.9
    assert spearman(x, np.exp(5 * x)) == pytest.approx(1)
    assert spearman(x, -np.exp(5 * x)) == pytest.approx(-1)
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4
    assert spearman(np.array([0, 7, 7, 9]), x) == pytest.approx(np.sqrt(0.9))


def test_rank_correlation_does_not_see_a_rising_transform():
    x, y = pairs('normal', 'normal')
    assert spearman(x, y) == spearman(np.exp(x), y**3)
    assert pearson(x, y) == pytest.approx(pearson(2 * x + 5, 0.1 * y))
    assert pearson(x, y) == pytest.approx(-pearson(-x, y))


@pytest.mark.parametrize('correlation', [pearson, spearman])
@pytest.mark.parametrize(
    ('x', 'y'),
    [
        ([], []),
        ([1.0], [2.0]),
        ([0.1] * 7, [1, 2, 3, 4, 5, 6, 7]),  # the mean of seven times .1 is not .1
        ([1, 2, 3, 4, 5, 6, 7], [0.1] * 7),
        ([1, 2, np.nan], [1, 2, 3]),
        ([1, 2, 3], [1, np.nan, 3]),
    ],
)
def test_undefined_is_nan(correlation, x, y, recwarn):
    assert np.isnan(correlation(np.array(x, float), np.array(y, float)))
    assert not recwarn


def test_infinite_values_have_ranks_only(recwarn):
    x, y = np.array([-np.inf, 1, 2, np.inf]), np.array([1, 2, 3, 4])
    assert np.isnan(pearson(x, y))
    assert spearman(x, y) == pytest.approx(1)
    assert not recwarn


def calibration_loop(confidences, values, bins):
    """Bin by bin, as the paper writes it."""
    error = 0.0
    for b in range(bins):
        low = -np.inf if b == 0 else b / bins
        high = np.inf if b == bins - 1 else (b + 1) / bins
        inside = (confidences >= low) & (confidences < high)
        if inside.any():
            error += inside.sum() / len(values) * abs(confidences[inside].mean() - values[inside].mean())
    return error


@pytest.mark.parametrize('bins', [1, 4, 10])
def test_calibration_error_against_a_loop(bins):
    rng = np.random.default_rng(0)
    confidences = rng.uniform(-0.2, 1.3, 500)
    values = np.clip(confidences**2 + rng.normal(0, 0.1, 500), 0, 1)
    expected = calibration_loop(confidences, values, bins)
    assert expected > 0.02
    assert calibration_error(confidences, values, bins) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # .75 and .76 share a bin: means .755 and .5; .1 is alone, .3 from its value
    assert calibration_error(np.array([0.75, 0.76, 0.1]), np.array([1, 0, 0.4])) == pytest.approx((2 * 0.255 + 0.3) / 3)
    assert calibration_error(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0
    assert calibration_error(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == 1
    # 1 belongs to the last bin, and what is above it too
    assert calibration_error(np.array([0.95, 1.0]), np.array([1.0, 0.9])) == pytest.approx(0.025)
    assert calibration_error(np.array([0.95, 1.1]), np.array([1.0, 1.0])) == pytest.approx(0.025)
    # calibrated, and useless to tell good from bad
    assert calibration_error(np.full(4, 0.5), np.array([0, 1, 0, 1])) == 0


@pytest.mark.parametrize('confidences', [[], [np.nan, 0.5], [np.inf, 0.5]])
def test_undefined_calibration_error_is_nan(confidences, recwarn):
    assert np.isnan(calibration_error(np.array(confidences), np.ones(len(confidences))))
    assert not recwarn


def test_bad_shapes():
    with pytest.raises(ValueError, match=r"'y' must have shape \(N\) with N=3, got shape \(4,\)"):
        pearson(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match=r"'x' must have shape \(N\), got shape \(3, 1\)"):
        spearman(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match=r"'values' must have shape \(N\) with N=3, got shape \(2,\)"):
        calibration_error(np.zeros(3), np.zeros(2))
