"""The kinematic body model: bones, their lengths, their rotations and the 17 COCO joints on them.

Frames. The *body frame* has its origin at the pelvis (midway between the hip joints), x to the person's LEFT, y up, z
to where the pelvis faces; meters. Every bone's own frame is parallel to the body frame in the rest pose (standing,
arms and legs hanging straight down), so a bone's rotation is the identity at rest.

Angles. The local rotation of a bone is ``Ry(plane) Rx(sign * bend) Ry(twist - plane)`` (the ISB's y-x-y order for the
shoulder): ``bend`` is the angle away from rest, ``plane`` the vertical plane in which it happens (0 forward, 90 to the
person's left, for right limbs to the right), ``twist`` turns the bone about its own axis. Degrees.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    'BODY_PARENTS',
    'BONES',
    'COCO_JOINTS',
    'COCO_SKELETON',
    'BodyShape',
    'Posture',
    'bone_offsets',
    'coco_joints',
    'forward_kinematics',
    'rest_origins',
    'rotations_y',
    'sample_shape',
]

Array = npt.NDArray[np.float64]

COCO_JOINTS = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)

# Pairs of joints joined by a line, counted from 1 as in COCO's annotation files.
COCO_SKELETON = (
    (16, 14),
    (14, 12),
    (17, 15),
    (15, 13),
    (12, 13),
    (6, 12),
    (7, 13),
    (6, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (9, 11),
    (2, 3),
    (1, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
    (5, 7),
)

# fmt: off
# name, parent, sign of the rotation about x by which the bone bends the way its joint does
_BONE_TABLE = (
    ('pelvis', -1, 1), ('chest', 0, 1), ('neck', 1, 1), ('head', 2, 1),
    ('left_upper_arm', 1, -1), ('left_forearm', 4, -1), ('left_hand', 5, -1),
    ('right_upper_arm', 1, -1), ('right_forearm', 7, -1), ('right_hand', 8, -1),
    ('left_thigh', 0, -1), ('left_shank', 10, 1), ('left_foot', 11, -1),
    ('right_thigh', 0, -1), ('right_shank', 13, 1), ('right_foot', 14, -1))
# fmt: on

BONES = {name: index for index, (name, _, _) in enumerate(_BONE_TABLE)}
BODY_PARENTS = tuple(parent for _, parent, _ in _BONE_TABLE)
_BEND_SIGN = np.array([sign for _, _, sign in _BONE_TABLE], dtype=np.float64)
# Turning about y is mirrored on the right side.
_SIDE_SIGN = np.array([-1.0 if name.startswith('right') else 1.0 for name in BONES])

# Joints that lie at the origin of a bone, by COCO index.
_JOINT_BONE = {
    5: 'left_upper_arm',
    6: 'right_upper_arm',
    7: 'left_forearm',
    8: 'right_forearm',
    9: 'left_hand',
    10: 'right_hand',
    11: 'left_thigh',
    12: 'right_thigh',
    13: 'left_shank',
    14: 'right_shank',
    15: 'left_foot',
    16: 'right_foot',
}
# Joints of the face, relative to the head bone (meters, for a head of scale 1): nose tip, eyes, ears.
_FACE = np.array(
    [[0.0, 0.076, 0.131], [0.031, 0.115, 0.099], [-0.031, 0.115, 0.099], [0.082, 0.090, 0.012], [-0.082, 0.090, 0.012]]
)


@dataclass(frozen=True)
class BodyShape:
    """Proportions of one person.

    Attributes:
        stature: Height in meters.
        leg, arm, trunk: Lengths relative to an average person of the same stature.
        shoulder, hip: Widths, likewise relative.
        girth: Thickness of the trunk, relative.
        limb_girth: Thickness of arms and legs, relative.
        head: Size of the head relative to an adult of 1.71 m.
    """

    stature: float = 1.71
    leg: float = 1.0
    arm: float = 1.0
    trunk: float = 1.0
    shoulder: float = 1.0
    hip: float = 1.0
    girth: float = 1.0
    limb_girth: float = 1.0
    head: float = 1.0

    @property
    def scale(self) -> float:
        """Stature relative to the model's 1.71 m."""
        return self.stature / 1.71


def sample_shape(rng: np.random.Generator) -> BodyShape:
    """A random body: adults of 1.5 to 2 m, and now and then a child (shorter, with a larger head)."""
    girth = float(np.clip(rng.normal(1.02, 0.11), 0.82, 1.35))
    child = rng.random() < 0.08
    stature = rng.uniform(1.15, 1.45) if child else float(np.clip(rng.normal(1.71, 0.09), 1.5, 1.98))
    return BodyShape(
        stature=stature,
        leg=rng.uniform(0.95, 1.05),
        arm=rng.uniform(0.95, 1.06),
        trunk=rng.uniform(0.95, 1.05),
        shoulder=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14)) * (0.95 if child else 1.0),
        hip=rng.uniform(0.92, 1.12),
        girth=girth,
        limb_girth=float(np.clip(0.5 + 0.5 * girth + rng.normal(0, 0.06), 0.82, 1.3)),
        head=rng.uniform(0.94, 1.02) if child else rng.uniform(0.96, 1.05),
    )


def bone_offsets(shape: BodyShape) -> Array:
    """Origin of every bone relative to its parent's, in the rest pose: (16, 3), meters, body frame."""
    thigh, shank = 0.425 * shape.leg, 0.415 * shape.leg
    upper, fore = 0.285 * shape.arm, 0.250 * shape.arm
    across, hip = 0.178 * shape.shoulder, 0.092 * shape.hip
    trunk = shape.trunk
    head = shape.head / shape.scale
    offsets = [
        (0, 0, 0),
        (0, 0.12 * trunk, 0),
        (0, 0.38 * trunk, -0.010),
        (0, 0.085 * head, 0.014),
        (across, 0.335 * trunk, -0.008),
        (0, -upper, 0),
        (0, -fore, 0),
        (-across, 0.335 * trunk, -0.008),
        (0, -upper, 0),
        (0, -fore, 0),
        (hip, 0, 0),
        (0, -thigh, 0),
        (0, -shank, 0),
        (-hip, 0, 0),
        (0, -thigh, 0),
        (0, -shank, 0),
    ]
    return np.array(offsets, dtype=np.float64) * shape.scale


def rest_origins(shape: BodyShape) -> Array:
    """Origin of every bone in the body frame, in the rest pose: (16, 3), meters."""
    origins = bone_offsets(shape)
    for bone, parent in enumerate(BODY_PARENTS):
        if parent >= 0:
            origins[bone] += origins[parent]
    return origins


@dataclass(frozen=True)
class Posture:
    """Where every bone of one body is.

    Attributes:
        rotations: (16, 3, 3), bone frame to body frame.
        origins: (16, 3), meters, body frame.
    """

    rotations: Array
    origins: Array


def rotations_y(angles: Array) -> Array:
    """Rotations about y by angles in radians, (N,) to (N, 3, 3); positive turns z towards x."""
    cos, sin = np.cos(angles), np.sin(angles)
    out = np.zeros((len(angles), 3, 3))
    out[:, 0, 0] = out[:, 2, 2] = cos
    out[:, 0, 2], out[:, 2, 0] = sin, -sin
    out[:, 1, 1] = 1
    return out


def _rotations_x(angles: Array) -> Array:
    cos, sin = np.cos(angles), np.sin(angles)
    out = np.zeros((len(angles), 3, 3))
    out[:, 1, 1] = out[:, 2, 2] = cos
    out[:, 1, 2], out[:, 2, 1] = -sin, sin
    out[:, 0, 0] = 1
    return out


def forward_kinematics(angles: Array, shape: BodyShape, root: Array | None = None) -> Posture:
    """Places the bones.

    Args:
        angles: (16, 3), columns plane, bend, twist in degrees (see the module's docstring).
        shape: Proportions, which fix the bone lengths.
        root: (3, 3) further rotation of the whole body, such as lying down; None for upright.
    """
    if angles.shape != (len(BONES), 3):
        raise ValueError(f'angles must have the shape ({len(BONES)}, 3), got {angles.shape}')
    plane, bend, twist = np.deg2rad(angles).T * np.stack([_SIDE_SIGN, _BEND_SIGN, _SIDE_SIGN])
    local = rotations_y(plane) @ _rotations_x(bend) @ rotations_y(twist - plane)
    if root is not None:
        local[0] = root @ local[0]
    offsets = bone_offsets(shape)
    # Raising an arm lifts its shoulder and draws it in, as the collar bone does.
    for name in ('left_upper_arm', 'right_upper_arm'):
        lift = np.clip((angles[BONES[name], 1] - 50.0) / 120.0, 0.0, 1.0) * shape.scale
        offsets[BONES[name]] += (-0.022 * lift * np.sign(offsets[BONES[name], 0]), 0.05 * lift, 0.0)
    rotations, origins = np.empty_like(local), np.zeros((len(BONES), 3))
    rotations[0] = local[0]
    for bone, parent in enumerate(BODY_PARENTS[1:], start=1):
        rotations[bone] = rotations[parent] @ local[bone]
        origins[bone] = origins[parent] + rotations[parent] @ offsets[bone]
    return Posture(rotations, origins)


def coco_joints(posture: Posture, shape: BodyShape) -> Array:
    """The 17 COCO joints in the body frame: (17, 3), meters, COCO's order."""
    joints = np.empty((len(COCO_JOINTS), 3))
    head = BONES['head']
    joints[:5] = posture.origins[head] + (_FACE * shape.head) @ posture.rotations[head].T
    for joint, bone in _JOINT_BONE.items():
        joints[joint] = posture.origins[BONES[bone]]
    return joints
