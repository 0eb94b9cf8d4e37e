"""Alignment of 3D poses before they are compared: root-relative positions, or the best similarity transform."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .checks import check_shape

__all__ = ['align_similarity', 'find_root', 'root_relative']

Array = npt.NDArray[np.float64]


def find_root(names: Sequence[str], root: Sequence[str] | None = None) -> list[int]:
    """Indices of the joints whose mean is the root of a body.

    Args:
        names: Names of the K joints.
        root: Names of one or more joints; None: ``root`` or ``pelvis`` if there is one, else both hips.

    Returns:
        The indices.

    Raises:
        ValueError: If there is no such joint.

    Example:
        >>> find_root(['nose', 'left_hip', 'right_hip'])
        [1, 2]
    """
    choices = [root] if root else [('root',), ('pelvis',), ('left_hip', 'right_hip')]
    for choice in choices:
        if set(choice) <= set(names):
            return [[*names].index(name) for name in choice]
    raise ValueError(f"'root' must be joints of the dataset ({', '.join(names)}), got {root or choices!r}")


def root_relative(points: npt.ArrayLike, root: Sequence[int]) -> Array:
    """Points minus the position of their root.

    Args:
        points: (N, K, D).
        root: Indices of the joints whose mean is the root, for example from :func:`find_root`.

    Returns:
        (N, K, D); NaN for people with a NaN in their root.

    Raises:
        ValueError: If there is no such joint.

    Example:
        >>> import numpy as np
        >>> root_relative(np.array([[[1.0, 1.0, 5.0], [2.0, 3.0, 5.0]]]), [0])
        array([[[0., 0., 0.],
                [1., 2., 0.]]])
    """
    points = np.asarray(points, np.float64)
    joints = check_shape('points', points, 'N K D')['K']
    if not root or not all(0 <= joint < joints for joint in root):
        raise ValueError(f"'root' must be one or more joints from 0 to {joints - 1}, got {root!r}")
    return points - points[:, list(root)].mean(1, keepdims=True)


def align_similarity(points: npt.ArrayLike, targets: npt.ArrayLike, valid: npt.ArrayLike) -> Array:
    """Points after the scaling, rotation and shift that bring their valid joints closest to the targets.

    This is the alignment of PA-MPJPE, the least-squares solution in closed form without reflection ("Least-Squares
    Estimation of Transformation Parameters Between Two Point Patterns", Umeyama, TPAMI 1991)::

        P, T = points - mean(points), targets - mean(targets)
        U, S, V = svd(P.T @ T);  signs = (1, 1, sign(det(U @ V)))
        R, s = U @ diag(signs) @ V, sum(S * signs) / sum(P ** 2)
        aligned = s * P @ R + mean(targets)

    It differs from MMPose's ``compute_similarity_transform`` in these points: it aligns all people at once; joints that
    are not valid do not take part (in MMPose they do, and a NaN among them is an error); points that all have one
    position, and so no scale, are moved to the mean of the targets (in MMPose they become NaN).

    The rotation of joints on a line, or in one position, is not unique; their distances from the targets are. Points of
    any finite size are aligned.

    Args:
        points: (N, K, 3).
        targets: (N, K, 3).
        valid: (N, K) bool.

    Returns:
        (N, K, 3), float64. NaN for people without a valid joint, or with a valid one that is not finite.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import numpy as np
        >>> points = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
        >>> align_similarity(points, 2 * points + 5, np.ones((1, 3))).round(6)
        array([[[5., 5., 5.],
                [7., 5., 5.],
                [5., 7., 5.]]])
    """
    points, targets, valid = np.asarray(points, np.float64), np.asarray(targets, np.float64), np.asarray(valid, bool)
    sizes = check_shape('points', points, 'N K 3')
    check_shape('targets', targets, 'N K 3', **sizes)
    check_shape('valid', valid, 'N K', **sizes)
    weights = valid[..., None].astype(np.float64)
    # joints that do not count must not turn a sum into NaN
    source, goal = np.where(valid[..., None], points, 0), np.where(valid[..., None], targets, 0)
    usable = np.isfinite(np.concatenate([source, goal], 1)).all((1, 2)) & valid.any(1)
    usable = usable.reshape(-1)
    source, goal = np.where(usable[:, None, None], source, 0), np.where(usable[:, None, None], goal, 0)
    # NumPy's SVD does not end for an infinite product, so the largest coordinates are brought to about 1 first
    source_unit, goal_unit = _power_of_two(source), _power_of_two(goal)
    source, goal = source / source_unit, goal / goal_unit
    count = np.maximum(weights.sum(1, keepdims=True), 1)
    source_middle, goal_middle = source.sum(1, keepdims=True) / count, goal.sum(1, keepdims=True) / count
    source, goal = (source - source_middle) * weights, (goal - goal_middle) * weights
    left, singular, right = np.linalg.svd(np.swapaxes(source, 1, 2) @ goal)
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs[:, None]) @ right  # of rows: a point times this
    spread = (source**2).sum((1, 2))
    scale = np.divide((singular * signs).sum(1), spread, out=np.zeros_like(spread), where=spread > 0)
    with np.errstate(invalid='ignore', over='ignore'):  # joints that do not count may be infinite
        moved = points / source_unit - source_middle
        aligned = (scale[:, None, None] * (moved @ rotation) + goal_middle) * goal_unit
    return np.where(usable[:, None, None], aligned, np.nan)


def _power_of_two(points: Array) -> Array:
    """A power of two near the largest coordinate of each person (N, K, 3), (N, 1, 1): dividing by it is exact."""
    largest = np.abs(points).max((1, 2), initial=0, keepdims=True)
    _, exponent = np.frexp(np.where(largest > 0, largest, 1))
    return np.ldexp(1.0, np.clip(exponent, -1000, 1000))
