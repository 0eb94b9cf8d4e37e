"""A calibration file: what it does to predictions, and what is said about files that are none."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from mmpose_ext.runtime.calibration import Calibration, CovarianceScale, Curve, read_calibration
from mmpose_ext.runtime.people import People

NAMES = ('left_hand', 'right_hand', 'nose')


def calibration(person_score='joints', covariance=True):
    scale = CovarianceScale(
        family='student_t',
        shape=(2.5,),
        scale=0.5,
        joint_scales=np.array([0.25, 4.0, 1.0]),
        levels=np.array([0.5, 0.9]),
        radii=np.array([1.0, 3.0]),
        conformal_radii=np.array([[1.0, 1.1, 1.2], [3.0, 3.1, np.inf]]),
    )
    return Calibration(
        NAMES,
        expected_oks=Curve(np.array([0.0, 0.5, 2.0]), np.array([0.1, 0.6, 0.9])),
        probability=Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])),
        visibility=Curve(np.array([0.0, 1.0]), np.array([0.5, 1.0])),
        person_oks=Curve(np.array([0.0, 1.0]), np.array([0.2, 0.4])),
        person_score=person_score,
        covariance=scale if covariance else None,
        fitted_on=dict(people=200),
        measured=dict(people=100),
    )


def test_scores_are_on_the_curve():
    found = calibration().joint_scores(np.array([[0.25, 5.0, np.nan], [-1.0, 0.5, np.inf]]))
    np.testing.assert_allclose(found, [[0.35, 0.9, 0.0], [0.1, 0.6, 0.9]], rtol=1e-6)
    assert found.dtype == np.float32


def test_scores_of_people_are_means():
    scores = np.array([[0.0, 0.5, 1.0]])
    expected = np.array([0.1, 0.6, 0.7])
    np.testing.assert_allclose(calibration().person_scores(scores), [expected.mean()], rtol=1e-6)
    weights = np.array([0.5, 0.75, 1.0])
    found = calibration('visibility').person_scores(scores)
    np.testing.assert_allclose(found, [(expected * weights).sum() / weights.sum()], rtol=1e-6)
    np.testing.assert_allclose(calibration('score').person_scores(scores), [0.3], rtol=1e-6)
    np.testing.assert_allclose(calibration('score').person_scores([[np.nan, 3.0, np.inf]]), [0.4], rtol=1e-6)


def test_people_are_calibrated():
    rng = np.random.default_rng(0)
    people = People(
        boxes=np.zeros((2, 4), np.float32),
        box_scores=np.array([1.0, 0.5], np.float32),
        keypoints=rng.random((2, 3, 2), np.float32),
        scores=rng.random((2, 3), np.float32),
        covariances=np.broadcast_to(np.eye(2, dtype=np.float32), (2, 3, 2, 2)),
    )
    found = people.calibrated(calibration())
    np.testing.assert_allclose(found.covariances[:, :, 0, 0], [[0.25, 4, 1]] * 2)
    np.testing.assert_array_equal(found.scores, calibration().joint_scores(people.scores))
    np.testing.assert_allclose(found.instance_scores, people.box_scores * calibration().person_scores(people.scores))
    np.testing.assert_allclose(found.select(np.array([1])).person_scores, found.person_scores[1:])
    deep = replace(people, covariances=np.broadcast_to(np.eye(3, dtype=np.float32), (2, 3, 3, 3)))
    np.testing.assert_allclose(deep.calibrated(calibration()).covariances[0], np.eye(3) * [[[0.25]], [[4]], [[1]]])
    with pytest.raises(ValueError, match="'scores' must have the calibration's 3 joints, got 2"):
        calibration().joint_scores(np.zeros((1, 2)))
    with pytest.raises(ValueError, match='must not be null'):
        people.calibrated(calibration(covariance=False))


@pytest.mark.parametrize('covariance', [True, False])
def test_what_is_written_is_read(tmp_path, covariance):
    one = calibration('visibility', covariance)
    (tmp_path / 'it.json').write_text(json.dumps(one.to_dict(), allow_nan=False))
    found = read_calibration(tmp_path / 'it.json')
    assert found.to_dict() == one.to_dict()
    assert found.measured == dict(people=100)
    assert read_calibration(tmp_path / 'it.json') is found
    if covariance:
        assert found.covariance.conformal_radii[1, 2] == np.inf


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (('format',), 2, "'format' must be 1, got 2"),
        (('joint_names',), [], "'joint_names' must be a list of names"),
        (('person_score',), 'box', "'person_score' must be one of score, joints, visibility, got 'box'"),
        (('expected_oks',), None, "'expected_oks' must be an object"),
        (('expected_oks', 'scores'), [0.5, 0.5, 1.0], "'expected_oks.scores' must rise"),
        (('expected_oks', 'values'), [0.5, 0.4, 1.0], "'expected_oks.values' must rise"),
        (('probability', 'values'), [0.0, 1.5], "'probability.values' must be numbers from 0 to 1"),
        (('visibility', 'scores'), 'many', "'visibility.scores' must be numbers"),
        (('covariance', 'family'), 'cauchy', "'covariance.family' must be one of"),
        (('covariance', 'shape'), [0], "'covariance.shape' must be numbers"),
        (('covariance', 'shape'), [1.0, 2.0], r"'covariance.shape' must be .* of the shape \(1\)"),
        (('covariance', 'shape'), [], r"'covariance.shape' must be .* of the shape \(1\)"),
        (('covariance', 'joint_scales'), [1.0, 2.0], r"'covariance.joint_scales' must be .* of the shape \(3\)"),
        (('covariance', 'joint_scales'), [1.0, -2.0, 3.0], "'covariance.joint_scales' must be numbers"),
        (('covariance', 'joint_scales'), [1.0, None, 3.0], "'covariance.joint_scales' must be numbers"),
        (('covariance', 'conformal_radii'), [[1.0, 1.0]], "'covariance.conformal_radii' must be"),
        (('measured',), 3, "'measured' must be an object"),
    ],
)
def test_mistakes_are_named(tmp_path, place, value, message):
    content = copy.deepcopy(calibration().to_dict())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / 'broken.json'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf'broken\.json: {message}'):
        read_calibration(path)
    del inner[place[-1]]
    path.write_text(json.dumps(content) + ' ')
    with pytest.raises(ValueError, match=f"'{'.'.join(place)}' is missing"):
        read_calibration(path)


@pytest.mark.parametrize('shape', [[1.0, 40.0], [0.2, 0.5], [0.2, 3.0, 0.9, 40.0]])
def test_shapes_of_mixtures_are_checked(shape):
    content = calibration().to_dict()
    family = 'mixture' if len(shape) == 2 else 'mixture3'
    content['covariance'].update(family=family, shape=shape)
    with pytest.raises(ValueError, match=r"'covariance.shape' must be shares below 1 in all and ratios from 1"):
        Calibration.from_dict(content)
    content['covariance']['shape'] = [0.2, 3.0, 0.2, 40.0][: len(shape)]
    assert Calibration.from_dict(content).covariance.family == family


def test_calibrations_of_other_joints_are_refused():
    calibration().check_model(NAMES)
    with pytest.raises(
        ValueError, match=r'with the joints nose, left_hand, .* got one for left_hand, right_hand, nose'
    ):
        calibration().check_model(('nose', 'left_hand', 'right_hand'))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'nowhere\.json cannot be read'):
        read_calibration(tmp_path / 'nowhere.json')
    (tmp_path / 'text.json').write_text('{"format": ')
    with pytest.raises(ValueError, match=r'text\.json cannot be read'):
        read_calibration(tmp_path / 'text.json')
    (tmp_path / 'deep.json').write_text('[' * 200_000)
    with pytest.raises(ValueError, match=r'deep\.json cannot be read: it is nested too deeply'):
        read_calibration(tmp_path / 'deep.json')
    (tmp_path / 'list.json').write_text('[]')
    with pytest.raises(ValueError, match=r'list\.json: .* must be an object, got list'):
        read_calibration(tmp_path / 'list.json')
