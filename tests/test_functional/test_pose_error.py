"""Alignment of 3D poses: MMPose where it is right, known answers where it is not."""

import numpy as np
import pytest
from mmpose.evaluation.functional.mesh_eval import compute_similarity_transform
from scipy.spatial.transform import Rotation

from mmpose_ext.functional import align_similarity, find_root, root_relative


def poses(people=6, joints=17, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 300, (people, joints, 3)), rng.normal(0, 300, (people, joints, 3)) + 4000


def moved(points, seed=1):
    """Turned, scaled and shifted, each person differently."""
    rng = np.random.default_rng(seed)
    turns = Rotation.random(len(points), random_state=2).as_matrix()
    return 0.3 * points @ turns + rng.normal(0, 1000, (len(points), 1, 3))


def error(points, targets, valid=None):
    valid = np.ones(points.shape[:2], bool) if valid is None else valid
    return np.linalg.norm(align_similarity(points, targets, valid) - targets, axis=-1)


def test_is_mmposes_alignment():
    points, targets = poses()
    expected = [compute_similarity_transform(*pair) for pair in zip(points, targets, strict=True)]
    np.testing.assert_allclose(align_similarity(points, targets, np.ones((6, 17), bool)), expected, atol=1e-9)


def test_no_similarity_changes_the_outcome():
    points, targets = poses()
    np.testing.assert_allclose(error(moved(targets), targets), 0, atol=1e-9)
    np.testing.assert_allclose(error(moved(points), targets), error(points, targets), atol=1e-9)


def test_is_the_least_squares_solution():
    """Any small change of the found transform is worse."""
    points, targets = poses(1)
    aligned = align_similarity(points, targets, np.ones((1, 17), bool))
    best, middle = ((aligned - targets) ** 2).sum(), aligned.mean(1, keepdims=True)
    for change in np.concatenate([np.eye(3), -np.eye(3)]) * 1e-3:
        turned = (aligned - middle) @ Rotation.from_rotvec(change).as_matrix() + middle
        others = [turned, aligned + 100 * change, (aligned - middle) * (1 + change.sum()) + middle]
        assert all(((other - targets) ** 2).sum() > best for other in others)


def test_mirrored_poses_do_not_fit():
    """A person with left and right exchanged in depth is wrong, though a reflection would explain it."""
    _, targets = poses()
    mirrored = targets * (1, 1, -1)
    expected = [compute_similarity_transform(*pair) for pair in zip(mirrored, targets, strict=True)]
    assert error(mirrored, targets).mean() > 50
    np.testing.assert_allclose(align_similarity(mirrored, targets, np.ones((6, 17), bool)), expected, atol=1e-9)


def test_joints_that_do_not_count_do_not_take_part():
    points, targets = poses()
    valid = np.random.default_rng(3).random((6, 17)) < 0.6
    spoilt, unknown = np.where(valid[..., None], points, np.inf), np.where(valid[..., None], targets, np.nan)
    measured = np.where(valid, error(spoilt, unknown, valid), 0)
    for person, kept in enumerate(valid):
        alone = compute_similarity_transform(points[person, kept], targets[person, kept])
        np.testing.assert_allclose(
            measured[person, kept], np.linalg.norm(alone - targets[person, kept], axis=-1), atol=1e-9
        )


def test_joints_in_one_place_go_to_the_middle():
    """MMPose divides by their spread, 0."""
    _, targets = poses(2)
    same = np.broadcast_to([[[5.0, 6, 7]]], targets.shape)
    expected = np.broadcast_to(targets.mean(1, keepdims=True), targets.shape)
    np.testing.assert_allclose(align_similarity(same, targets, np.ones((2, 17), bool)), expected)


def test_joints_on_a_line():
    """Five joints on a line fit a line, whatever turns; one with a bend by hand."""
    line = np.arange(5.0)[:, None] * (0, 0, 100)
    target = np.arange(5.0)[:, None] * (30, 40, 0) + 7
    np.testing.assert_allclose(error(line[None], target[None]), 0, atol=1e-9)
    bent = target.copy()
    bent[2, 2] += 10  # the line's best fit is 2 higher, in the middle of all five
    np.testing.assert_allclose(error(line[None], bent[None]), [[2, 2, 8, 2, 2]], atol=1e-9)
    # a pose against a line: finite, and the same however the pose is turned
    points, _ = poses(4, 5)
    lines = np.broadcast_to(target, points.shape)
    np.testing.assert_allclose(error(moved(points), lines), error(points, lines), atol=1e-8)


@pytest.mark.parametrize(('count', 'fits'), [(1, True), (2, True), (3, False)])
def test_one_or_two_joints_always_fit(count, fits):
    points, targets = poses()
    valid = np.zeros((6, 17), bool)
    valid[:, [3, 8, 11][:count]] = True
    assert (error(points, targets, valid)[valid].max() < 1e-9) == fits


def test_people_without_a_comparison_are_nan():
    points, targets = poses(3)
    points[1, 4, 2] = np.nan
    valid = np.ones((3, 17), bool)
    valid[2] = False
    assert np.isnan(error(points, targets, valid)).all(1).tolist() == [False, True, True]


def test_root_relative():
    points = np.array([[[1.0, 2, 3], [3, 4, 9], [5, 5, 5]]])
    np.testing.assert_array_equal(root_relative(points, [2]), points - 5)
    np.testing.assert_array_equal(root_relative(points, [0, 1]), points - (2, 3, 6))
    with pytest.raises(ValueError, match=r"'root' must be one or more joints from 0 to 2, got \[3\]"):
        root_relative(points, [3])


def test_root_by_name():
    assert find_root(['nose', 'left_hip', 'right_hip']) == [1, 2]
    assert find_root(['left_hip', 'right_hip', 'pelvis']) == [2]
    assert find_root(['a', 'b'], ['b']) == [1]
    with pytest.raises(ValueError, match=r"'root' must be joints of the dataset \(nose\), got"):
        find_root(['nose'])


@pytest.mark.parametrize(
    ('size', 'goal_size'), [(1e200, 1e200), (1e300, 1.0), (1e-200, 1e200), (1e-300, 1e-300), (1.0, 1e300)]
)
def test_coordinates_of_any_finite_size_are_aligned(size, goal_size):
    """The product of such coordinates is infinite or 0; NumPy's SVD does not end for the former."""
    rng = np.random.default_rng(0)
    points, targets = rng.normal(size=(2, 4, 6, 3))
    valid = rng.random((4, 6)) < 0.8
    expected = align_similarity(points, targets, valid)
    found = align_similarity(points * size, targets * goal_size, valid) / goal_size
    np.testing.assert_allclose(found, expected, rtol=1e-9)
