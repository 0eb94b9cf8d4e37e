"""The pinhole camera.

Camera frame: x right, y down, z forward, meters, origin at the camera. World frame: x right, y DOWN, z away from the
camera, with the ground at y = 0, so that whatever stands on it has negative y. Pixels: (x, y), the integers are the
centers, pixel i covers [i - 0.5, i + 0.5].
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ['BODY_TO_WORLD', 'SceneCamera', 'project']

Array = npt.NDArray[np.float64]

# A body that is not turned faces the camera: its left is the image's right, its up is up, its front comes nearer.
BODY_TO_WORLD: Array = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class SceneCamera:
    """A pinhole camera above the ground.

    Attributes:
        focal: (fx, fy), pixels.
        center: (cx, cy), pixels: the principal point.
        height: Meters above the ground.
        pitch: Radians, positive looks down.
        roll: Radians, positive turns the image's content clockwise.
    """

    focal: tuple[float, float]
    center: tuple[float, float]
    height: float
    pitch: float
    roll: float = 0.0

    @property
    def rotation(self) -> Array:
        """World to camera: (3, 3)."""
        cos, sin = np.cos(self.pitch), np.sin(self.pitch)
        level = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ level

    def to_camera(self, points: Array) -> Array:
        """World to camera frame: (..., 3) to (..., 3), meters."""
        return (points - np.array([0.0, -self.height, 0.0])) @ self.rotation.T

    @property
    def matrix(self) -> Array:
        """Camera frame to homogeneous pixels: (3, 3)."""
        return np.array([[self.focal[0], 0, self.center[0]], [0, self.focal[1], self.center[1]], [0, 0, 1]])

    def project(self, points: Array) -> Array:
        """Camera frame to pixels: (..., 3) in meters to (..., 2), (x, y). Points behind the camera are undefined."""
        return project(points, self.focal, self.center)


def project(points: Array, focal: tuple[float, float], center: tuple[float, float]) -> Array:
    """Perspective projection of camera-frame points: (..., 3) in meters to (..., 2) in pixels, (x, y)."""
    return points[..., :2] / points[..., 2:] * np.asarray(focal) + np.asarray(center)
