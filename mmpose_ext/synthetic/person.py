"""People placed in the world: body, clothing and place of each, and the joints that become labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .appearance import Appearance, sample_appearance
from .body_skeleton import BODY_PARENTS, BodyShape, coco_joints, sample_shape
from .mesh import body_mesh, pose_vertices
from .poses import Pose, sample_pose
from .scene_camera import BODY_TO_WORLD

__all__ = ['Body', 'Person', 'place', 'sample_body', 'turn_matrix']

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """One person before it is placed, in the body frame.

    Attributes:
        shape, pose, appearance: What the person is, does and wears.
        vertices: (V, 3), meters.
        joints: (17, 3), COCO's order, meters.
    """

    shape: BodyShape
    pose: Pose
    appearance: Appearance
    vertices: Array
    joints: Array


@dataclass(frozen=True)
class Person:
    """One person in the world frame (x right, y down, z away, the ground at y = 0; meters).

    Attributes:
        body: What was placed.
        yaw: Radians; 0 faces the camera, positive turns to the image's right.
        vertices: (V, 3), of the body's mesh.
        facets: (n,), the facets of the mesh that exist on this person.
        joints: (17, 3), COCO's order.
        pelvis: (3,), midway between the hips.
        bones: (n, 2, 3), ends of the bones, for the shadow on the ground.
    """

    body: Body
    yaw: float
    vertices: Array
    facets: npt.NDArray[np.int64]
    joints: Array
    pelvis: Array
    bones: Array


def sample_body(rng: np.random.Generator, kind: str | None = None) -> Body:
    """A random person; `kind` is a key of `poses.POSE_KINDS`, or None for any."""
    shape = sample_shape(rng)
    pose = sample_pose(rng, shape, kind)
    appearance = sample_appearance(rng)
    vertices = pose_vertices(body_mesh(), shape, pose.posture, appearance.looseness)
    return Body(shape, pose, appearance, vertices, coco_joints(pose.posture, shape))


def turn_matrix(yaw: float) -> Array:
    """Rotation of the world about the vertical by `yaw` radians: (3, 3)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


def place(body: Body, x: float, z: float, yaw: float, lift: float = 0.0) -> Person:
    """Puts a person onto the ground.

    Args:
        body: Whom.
        x: Where the pelvis comes to be, world frame, meters.
        z: The same, away from the camera.
        yaw: Radians; see `Person`.
        lift: Meters between the lowest point and the ground (a jump).
    """
    matrix = turn_matrix(yaw) @ BODY_TO_WORLD
    facets = np.flatnonzero(body.appearance.drawn)
    vertices = body.vertices @ matrix.T
    used = np.zeros(len(vertices), dtype=bool)
    used[body_mesh().quads[facets]] = True
    shift = np.array([x, -lift - vertices[used, 1].max(), z])
    origins = body.pose.posture.origins @ matrix.T + shift
    joints = body.joints @ matrix.T + shift
    bones = np.stack([origins[list(BODY_PARENTS[1:])], origins[1:]], axis=1)
    head = np.stack([origins[2], joints[:3].mean(axis=0)])[None]
    return Person(body, yaw, vertices + shift, facets, joints, origins[0], np.concatenate([bones, head]))
