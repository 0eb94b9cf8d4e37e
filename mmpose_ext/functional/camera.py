"""Pinhole cameras with lens distortion: points of the camera frame <-> pixels of the image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .checks import check_positive, check_shape

__all__ = ['Camera', 'back_project', 'crop_box', 'project_points']

Array = npt.NDArray[np.float64]

_STEPS = 20  # of Newton's method; 4 are enough for a real lens
_TOLERANCE = 1e-9  # in focal lengths, about a millionth of a pixel


@dataclass(frozen=True)
class Camera:
    """Intrinsic parameters of a camera, whose frame has x to the right, y down and z forward.

    Args:
        focal: (2,), focal lengths of x and y in pixels.
        center: (2,), principal point in pixels.
        radial: (3,), coefficients of the second, fourth and sixth power of the distance from the axis.
        tangential: (2,), coefficients of the tangential distortion.
    """

    focal: Array
    center: Array
    radial: Array
    tangential: Array

    @classmethod
    def from_param(cls, param: Mapping[str, npt.ArrayLike]) -> 'Camera':
        """Make a camera from a dictionary with MMPose's names.

        Args:
            param: ``f`` and ``c``, 2 numbers each; ``k`` (up to 3) and ``p`` (2) if the lens distorts. Arrays may have
                any shape, such as the columns of MMPose's ``cameras.pkl``.

        Raises:
            ValueError: If a parameter is missing or has another number of values, or a focal length is not above zero.
        """
        missing = [key for key in ('f', 'c') if key not in param]
        if missing:
            raise ValueError(f"'camera_param' must hold 'f' and 'c', got {sorted(param)}")
        focal, center, tangential = (_numbers(key, param.get(key, (0, 0)), (2,)) for key in ('f', 'c', 'p'))
        radial = _numbers('k', param.get('k', (0, 0, 0)), (1, 2, 3))
        for value in focal:
            check_positive("camera_param['f']", float(value))
        return cls(focal, center, np.pad(radial, (0, 3 - len(radial))), tangential)

    def distorted(self, points: Array) -> Array:
        """Positions at which the lens shows points (..., 2) at distance 1, both in focal lengths from the axis."""
        squared = (points**2).sum(-1, keepdims=True)
        powers = squared ** np.arange(1, 4)
        stretch = 1 + (powers * self.radial).sum(-1, keepdims=True)
        # the form of Human3.6M; OpenCV and MMPose's SimpleCamera have this term twice
        tilt = (points * self.tangential[::-1]).sum(-1, keepdims=True)
        return points * (stretch + tilt) + squared * self.tangential[::-1]


def _numbers(key: str, value: npt.ArrayLike, counts: tuple[int, ...]) -> Array:
    array = np.asarray(value, np.float64).reshape(-1)
    if len(array) not in counts or not np.isfinite(array).all():
        wanted = ' or '.join(map(str, counts))
        raise ValueError(f"camera_param['{key}'] must be {wanted} finite numbers, got {value!r}")
    return array


def project_points(points: npt.ArrayLike, camera: Camera) -> Array:
    """Pixels at which a camera sees points.

    With the cameras of Human3.6M this projects the 3D joints of the dataset to its 2D joints with an error of 3e-5
    pixels.

    Args:
        points: (..., 3) in the camera frame, in any unit.
        camera: The camera.

    Returns:
        (..., 2) in pixels, x first; NaN for points at or behind the camera (z <= 0).

    Example:
        >>> camera = Camera.from_param(dict(f=[1000, 1000], c=[500, 400]))
        >>> project_points([[0.2, -0.1, 2.0]], camera)
        array([[600., 350.]])
    """
    points = np.asarray(points, np.float64)
    check_shape('points', points, '... 3')
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    return camera.distorted(points[..., :2] / depth) * camera.focal + camera.center


def back_project(pixels: npt.ArrayLike, depths: npt.ArrayLike, camera: Camera) -> Array:
    """Points of the camera frame from their pixels and depths: ``X = (u - cx) / fx * Z`` without distortion.

    Args:
        pixels: (..., 2), x first.
        depths: (...), z in any unit.
        camera: The camera. Distortion is undone by Newton's method. Where it has no inverse, far outside the image,
            the point is computed as if the lens did not distort.

    Returns:
        (..., 3) in the unit of the depths. NaN stays NaN.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> camera = Camera.from_param(dict(f=[1000, 1000], c=[500, 400]))
        >>> back_project([[600, 350]], [2.0], camera)
        array([[ 0.2, -0.1,  2. ]])
    """
    pixels, depths = np.asarray(pixels, np.float64), np.asarray(depths, np.float64)
    check_shape('pixels', pixels, '... 2')
    if depths.shape != pixels.shape[:-1]:
        raise ValueError(f"'depths' must have shape {pixels.shape[:-1]} as the pixels, got {depths.shape}")
    seen = (pixels - camera.center) / camera.focal
    points = _undistorted(seen, camera) if camera.radial.any() or camera.tangential.any() else seen
    return np.concatenate([points * depths[..., None], depths[..., None]], -1)


def _undistorted(seen: Array, camera: Camera) -> Array:
    """The points (..., 2) that the lens shows as ``seen``, in focal lengths."""
    points = seen.copy()
    identity = np.eye(2)
    with np.errstate(all='ignore'):
        for _ in range(_STEPS):
            squared = (points**2).sum(-1, keepdims=True)
            orders = np.arange(1, 4)
            stretch = 1 + (squared**orders * camera.radial).sum(-1) + (points * camera.tangential[::-1]).sum(-1)
            slope = (2 * orders * squared ** (orders - 1) * camera.radial).sum(-1)[..., None] * points
            slope = slope + camera.tangential[::-1]
            # derivative of distorted(): rows are its x and y
            jacobian = stretch[..., None, None] * identity + points[..., :, None] * slope[..., None, :]
            jacobian = jacobian + 2 * camera.tangential[::-1, None] * points[..., None, :]
            error = camera.distorted(points) - seen
            determinant = jacobian[..., 0, 0] * jacobian[..., 1, 1] - jacobian[..., 0, 1] * jacobian[..., 1, 0]
            x = (jacobian[..., 1, 1] * error[..., 0] - jacobian[..., 0, 1] * error[..., 1]) / determinant
            y = (jacobian[..., 0, 0] * error[..., 1] - jacobian[..., 1, 0] * error[..., 0]) / determinant
            points = points - np.stack([x, y], -1)
        found = np.abs(camera.distorted(points) - seen).max(-1, keepdims=True) < _TOLERANCE
        near = np.abs(points - seen).max(-1, keepdims=True) < 0.5 * (1 + np.abs(seen).max(-1, keepdims=True))
    return np.where(found & near, points, seen)


def crop_box(roots: npt.ArrayLike, camera: Camera, side: float = 2000.0) -> Array:
    """Box in the image of a square around people's roots, parallel to the image plane: the crop of Human3.6M.

    The official implementation of integral regression takes a square of 2 m whose middle is the pelvis, without
    distortion. So the size of a person in the crop does not change with the distance, and depth has one scale in it.

    Args:
        roots: (..., 3) in the camera frame, in the unit of ``side``.
        camera: The camera.
        side: Side of the square; the default is in millimeters.

    Returns:
        (..., 4) in pixels: left, top, right, bottom. A box may reach beyond the image.

    Raises:
        ValueError: If a root is not in front of the camera, or the side is not above zero.

    Example:
        >>> camera = Camera.from_param(dict(f=[1000, 1000], c=[500, 400]))
        >>> crop_box([0, 0, 4000], camera)
        array([250., 150., 750., 650.])
    """
    roots = np.asarray(roots, np.float64)
    check_shape('roots', roots, '... 3')
    check_positive('side', side)
    if not (roots[..., 2] > 0).all():
        raise ValueError(f"'roots' must lie in front of the camera (z > 0), got z = {roots[..., 2].min()}")
    half = np.array([side / 2, side / 2, 0])
    corners = np.stack([roots - half, roots + half], -2)
    boxes = corners[..., :2] / corners[..., 2:] * camera.focal + camera.center
    return boxes.reshape(*roots.shape[:-1], 4)
