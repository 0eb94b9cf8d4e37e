import math

import numpy as np
import pytest
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from mmpose_ext.functional import keypoint_oks

SIGMAS = np.array([0.26, 0.25, 0.35, 0.79, 1.07]) / 10


def random_people(people, joints, seed=0):
    """Points and targets (N, K, 2) some pixels apart, areas (N,) and whether a joint is labeled (N, K)."""
    rng = np.random.default_rng(seed)
    targets = rng.uniform(50, 400, (people, joints, 2))
    points = targets + rng.normal(0, 1, targets.shape) * rng.uniform(0, 20, (people, 1, 1))
    labelled = rng.random((people, joints)) < 0.7
    labelled[:, 0] = True
    return points, targets, rng.uniform(500, 50000, people), labelled


def test_every_joint_by_the_formula():
    points, targets, areas, _ = random_people(4, 5)
    oks = keypoint_oks(points, targets, areas, SIGMAS)
    for n in range(4):
        for k in range(5):
            distance = math.dist(points[n, k], targets[n, k])
            assert oks[n, k] == pytest.approx(math.exp(-(distance**2) / (2 * areas[n] * (2 * SIGMAS[k]) ** 2)))


def test_mean_over_labelled_joints_is_cocos():
    """Against COCO's own program, each prediction with each person."""
    points, targets, areas, labelled = random_people(12, 5)
    people = COCO()
    annotations = [
        dict(
            id=n + 1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            bbox=[0, 0, 1, 1],
            area=areas[n],
            num_keypoints=int(labelled[n].sum()),
            # an unlabeled joint is (0, 0, 0) in COCO's files
            keypoints=(np.insert(targets[n], 2, 2, 1) * labelled[n][:, None]).ravel().tolist(),
        )
        for n in range(12)
    ]
    people.dataset = dict(images=[dict(id=1)], annotations=annotations, categories=[dict(id=1)])
    people.createIndex()
    detections = [
        dict(image_id=1, category_id=1, score=1 - n / 100, keypoints=np.insert(points[n], 2, 1, 1).ravel().tolist())
        for n in range(12)
    ]
    evaluation = COCOeval(people, people.loadRes(detections), 'keypoints', SIGMAS)
    evaluation._prepare()
    expected = np.array(evaluation.computeOks(1, 1))
    found = [
        [keypoint_oks(points[[i]], targets[[j]], areas[[j]], SIGMAS)[0][labelled[j]].mean() for j in range(12)]
        for i in range(12)
    ]
    assert expected.shape == (12, 12)
    assert np.diag(expected).min() < 0.1
    assert np.diag(expected).max() > 0.9
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_falls_with_the_distance_and_rises_with_area_and_sigma():
    targets = np.zeros((3, 2, 2))
    points = targets + np.array([1.0, 2.0, 3.0])[:, None, None]
    oks = keypoint_oks(points, targets, np.full(3, 900.0), np.array([0.05, 0.1]))
    assert (np.diff(oks[:, 0]) < 0).all()
    assert (oks[:, 1] > oks[:, 0]).all()
    assert (keypoint_oks(points, targets, np.full(3, 1000.0), np.array([0.05, 0.1])) > oks).all()
    # the image twice as large: four times the area, the same similarity
    larger = keypoint_oks(2 * points, targets, np.full(3, 3600.0), np.array([0.05, 0.1]))
    np.testing.assert_allclose(larger, oks)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 3e38, 1e300])
def test_a_point_far_away_or_nowhere_has_similarity_zero(bad):
    points = np.array([[[5, 5], [bad, 5], [5, bad]]])
    oks = keypoint_oks(points, np.full((1, 3, 2), 5.0), np.array([100.0]), np.full(3, 0.1))
    np.testing.assert_array_equal(oks, [[1, 0, 0]])
    unlabelled = keypoint_oks(np.full((1, 3, 2), 5.0), points, np.array([100.0]), np.full(3, 0.1))
    np.testing.assert_array_equal(unlabelled, [[1, 0, 0]])


def test_no_area():
    points = np.array([[[5.0, 5], [5, 5.1]]])
    np.testing.assert_array_equal(keypoint_oks(points, np.full((1, 2, 2), 5.0), np.zeros(1), SIGMAS[:2]), [[1, 0]])


def test_nobody():
    oks = keypoint_oks(np.zeros((0, 5, 2)), np.zeros((0, 5, 2)), np.zeros(0), SIGMAS)
    assert oks.shape == (0, 5)


def test_float32_is_computed_in_float64():
    points, targets, areas, _ = (values.astype(np.float32) for values in random_people(3, 5))
    oks = keypoint_oks(points, targets, areas, SIGMAS.astype(np.float32))
    assert oks.dtype == np.float64
    # far from the origin the difference would lose digits if it were squared in float32
    np.testing.assert_array_equal(
        oks, keypoint_oks(points.astype(float), targets.astype(float), areas.astype(float), SIGMAS.astype(np.float32))
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(points=np.zeros((2, 5, 3))), r"'points' must have shape \(N, K, 2\), got shape \(2, 5, 3\)"),
        (dict(targets=np.zeros((2, 4, 2))), r"'targets' must have shape \(N, K, 2\) with N=2, K=5"),
        (dict(areas=np.ones(3)), r"'areas' must have shape \(N\) with N=2"),
        (dict(sigmas=np.ones(4)), r"'sigmas' must have shape \(K\) with N=2, K=5"),
        (dict(areas=np.array([1, -1])), r"'areas' must be finite numbers >= 0, got \[1.0, -1.0\]"),
        (dict(areas=np.array([1, np.nan])), r"'areas' must be finite numbers >= 0, got \[1.0, nan\]"),
        (dict(sigmas=np.array([1, 1, 0, 1, 1])), r"'sigmas' must be finite numbers > 0, got \[1.0, 1.0, 0.0"),
        (dict(sigmas=np.array([1, 1, np.inf, 1, 1])), r"'sigmas' must be finite numbers > 0, got \[1.0, 1.0, inf"),
    ],
)
def test_bad_arguments(change, message):
    arguments = dict(points=np.zeros((2, 5, 2)), targets=np.zeros((2, 5, 2)), areas=np.ones(2), sigmas=np.ones(5))
    with pytest.raises(ValueError, match=message):
        keypoint_oks(**arguments | change)
