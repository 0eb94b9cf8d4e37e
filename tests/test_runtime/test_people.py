"""People in the forms of other programs."""

from dataclasses import replace

import numpy as np
import pytest

from mmpose_ext.runtime.people import People


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return People(
        boxes=np.array([[10, 20, 40, 80], [0, 0, 5, 5]], np.float32),
        box_scores=np.array([0.5, 1.0], np.float32),
        keypoints=rng.uniform(0, 50, (2, 3, 3)).astype(np.float32),
        scores=np.array([[0.2, 0.4, 0.6], [1, 1, 1]], np.float32),
        sigmas=rng.uniform(1, 3, (2, 3, 3)).astype(np.float32),
        track_ids=np.array([4, 9]),
    )


def test_coco(people):
    entries = people.to_coco(image_id=8)
    assert [entry['track_id'] for entry in entries] == [4, 9]
    entry = entries[0]
    assert entry['bbox'] == [10, 20, 30, 60]
    assert entry['area'] == 1800
    assert entry['score'] == pytest.approx(0.2)  # of the box times the mean of the joints
    triples = np.array(entry['keypoints']).reshape(3, 3)
    np.testing.assert_allclose(triples[:, :2], people.keypoints[0, :, :2], atol=1e-3)
    np.testing.assert_allclose(triples[:, 2], people.scores[0], atol=1e-3)
    np.testing.assert_allclose(entry['keypoint_depths'], people.keypoints[0, :, 2], atol=1e-3)
    np.testing.assert_allclose(entry['keypoint_sigmas'], people.sigmas[0], atol=1e-3)


def test_covariances(people):
    """They take the place of sigmas where one ellipse is asked for."""
    factor = np.random.default_rng(1).normal(size=(2, 3, 3, 3)).astype(np.float32)
    people = replace(people, covariances=factor @ factor.swapaxes(-1, -2))
    entry = people.to_coco(image_id=8)[1]
    np.testing.assert_allclose(entry['keypoint_covariances'], people.covariances[1], atol=1e-3)
    assert 'keypoint_sigmas' in entry
    unknown = people.covariances.copy()
    unknown[1, 2] = np.nan
    found = replace(people, covariances=unknown).to_coco(image_id=8)[1]['keypoint_covariances']
    assert found == [*entry['keypoint_covariances'][:2], None]  # zeros would say that the joint is certain
    assert np.array_equal(people.select(np.array([1])).covariances, people.covariances[1:])
    pytest.importorskip('supervision')
    assert np.array_equal(people.to_supervision().data['covariance'], people.covariances[..., :2, :2])


def test_supervision(people):
    pytest.importorskip('supervision')
    found = people.to_supervision()
    assert len(found) == 2
    assert np.array_equal(found.xy, people.keypoints[..., :2])
    assert np.array_equal(found.keypoint_confidence, people.scores)
    assert np.array_equal(found.detection_confidence, people.box_scores)
    covariance = found.data['covariance']
    assert covariance.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(covariance[1, 2, 0, 0], people.sigmas[1, 2, 0] ** 2)
    assert not covariance[..., 0, 1].any()


def test_some_people(people):
    chosen = people.select(np.array([False, True]))
    assert len(chosen) == 1
    assert chosen.track_ids.tolist() == [9]
    assert np.array_equal(chosen.sigmas, people.sigmas[1:])


def test_nobody():
    nobody = People.empty(3, notes=('box 0 is empty',))
    assert len(nobody) == 0
    assert nobody.to_coco(1) == []
    assert nobody.instance_scores.shape == (0,)
    assert nobody.keypoints.shape == (0, 3, 2)
