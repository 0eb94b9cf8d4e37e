"""What 3D poses are compared after: removal of the root's position, or the best similarity transform."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .checks import check_shape

__all__ = ['align_similarity', 'find_root', 'root_relative']

Array = npt.NDArray[np.float64]


def find_root(names: Sequence[str], root: Sequence[str] | None = None) -> list[int]:
    """Joints whose mean is the root of a body.

    Args:
        names: Of the K joints.
        root: Names of one or more joints; None for ``root`` or ``pelvis``, else both hips.

    Returns:
        Their indices.

    Raises:
        ValueError: If there is no such joint.
    """
    choices = [root] if root else [('root',), ('pelvis',), ('left_hip', 'right_hip')]
    for choice in choices:
        if set(choice) <= set(names):
            return [[*names].index(name) for name in choice]
    raise ValueError(f"'root' must be joints of the data set ({', '.join(names)}), got {root or choices!r}")


def root_relative(points: npt.ArrayLike, root: Sequence[int]) -> Array:
    """Points minus their root.

    Args:
        points: (N, K, D).
        root: Joints whose mean is the root: the pelvis, or both hips where there is no such joint.

    Returns:
        (N, K, D); NaN for people with a NaN in their root.

    Raises:
        ValueError: If there is no such joint.
    """
    points = np.asarray(points, np.float64)
    joints = check_shape('points', points, 'N K D')['K']
    if not root or not all(0 <= joint < joints for joint in root):
        raise ValueError(f"'root' must be one or more joints from 0 to {joints - 1}, got {root!r}")
    return points - points[:, list(root)].mean(1, keepdims=True)


def align_similarity(points: npt.ArrayLike, targets: npt.ArrayLike, valid: npt.ArrayLike) -> Array:
    """Points after the scaling, rotation and shift that bring their valid joints closest to the targets.

    The least-squares solution in closed form ("Least-Squares Estimation of Transformation Parameters Between Two Point
    Patterns", Umeyama, TPAMI 1991), without reflection; the alignment of PA-MPJPE. It is MMPose's
    ``compute_similarity_transform``, of all people at once, and beyond it

    - joints that are not valid do not take part (there they do, and a NaN among them is an error);
    - points that all lie in one place, which have no scale, go to the middle of the targets (there: NaN).

    Of joints on a line, or in one place, the rotation is not unique; the distances from the targets are.

    Args:
        points: (N, K, 3).
        targets: (N, K, 3).
        valid: (N, K) bool.

    Returns:
        (N, K, 3), float64. NaN for people without a valid joint, or with a valid one that is not finite.
    """
    points, targets, valid = np.asarray(points, np.float64), np.asarray(targets, np.float64), np.asarray(valid, bool)
    sizes = check_shape('points', points, 'N K 3')
    check_shape('targets', targets, 'N K 3', **sizes)
    check_shape('valid', valid, 'N K', **sizes)
    weights = valid[..., None].astype(np.float64)
    # what does not count must not turn a sum into NaN
    source, goal = np.where(valid[..., None], points, 0), np.where(valid[..., None], targets, 0)
    usable = np.isfinite(np.concatenate([source, goal], 1)).all((1, 2)) & valid.any(1)
    usable = usable.reshape(-1)
    source, goal = np.where(usable[:, None, None], source, 0), np.where(usable[:, None, None], goal, 0)
    count = np.maximum(weights.sum(1, keepdims=True), 1)
    source_middle, goal_middle = source.sum(1, keepdims=True) / count, goal.sum(1, keepdims=True) / count
    source, goal = (source - source_middle) * weights, (goal - goal_middle) * weights
    left, singular, right = np.linalg.svd(np.swapaxes(source, 1, 2) @ goal)
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs[:, None]) @ right  # of rows: a point times this
    spread = (source**2).sum((1, 2))
    scale = np.divide((singular * signs).sum(1), spread, out=np.zeros_like(spread), where=spread > 0)
    with np.errstate(invalid='ignore'):  # joints that do not count may be infinite
        aligned = scale[:, None, None] * ((points - source_middle) @ rotation) + goal_middle
    return np.where(usable[:, None, None], aligned, np.nan)
