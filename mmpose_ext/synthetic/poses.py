"""Random poses within the limits of human joints.

A pose is a row of (plane, bend, twist) per bone, in degrees: skeleton.py says what these mean. The kinds of pose and of
arm position are tables of means and spreads; what is drawn is clipped to the joints' limits, and arms that would pass
through the trunk or the head are drawn again.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .body_skeleton import BONES, BodyShape, Posture, forward_kinematics

__all__ = ['JOINT_LIMITS', 'POSE_KINDS', 'Pose', 'sample_pose']

Array = npt.NDArray[np.float64]

# Per bone, lowest and highest (plane, bend, twist). Ball joints: how far the limb may leave its rest direction.
_LIMITS = {
    'pelvis': ((-180, -35, -180), (180, 75, 180)),
    'chest': ((-180, -25, -40), (180, 70, 40)),
    'neck': ((-180, -20, -40), (180, 35, 40)),
    'head': ((-180, -20, -35), (180, 25, 35)),
    'upper_arm': ((-45, -40, -85), (135, 172, 90)),
    'forearm': ((0, 0, -85), (0, 148, 85)),
    'hand': ((-180, -35, -10), (180, 50, 10)),
    'thigh': ((-20, -28, -35), (90, 122, 40)),
    'shank': ((0, 0, -10), (0, 145, 10)),
    'foot': ((0, -50, -8), (0, 32, 8)),
}
JOINT_LIMITS: Array = np.array(
    [_LIMITS[name.removeprefix('left_').removeprefix('right_')] for name in BONES], dtype=np.float64
)

# weight, then mean and spread of: plane, bend, twist of the upper arm, bend of the elbow
_ARMS = {
    'hanging': (0.34, (60, 12, -5, 16), (30, 6, 15, 10)),
    'bent': (0.17, (25, 22, -25, 85), (20, 12, 20, 30)),
    'forward': (0.12, (12, 75, 0, 30), (18, 20, 20, 22)),
    'raised': (0.12, (80, 148, 0, 30), (28, 16, 20, 25)),
    'sideways': (0.10, (88, 80, 0, 18), (12, 16, 25, 18)),
    'waving': (0.08, (85, 78, 70, 95), (12, 15, 15, 22)),
    'on_hip': (0.07, (72, 44, -62, 92), (8, 5, 6, 8)),
}
_ARM_NAMES = tuple(_ARMS)
_ARM_WEIGHTS = np.array([row[0] for row in _ARMS.values()]) / sum(row[0] for row in _ARMS.values())
_ARM_STATS = np.array([row[1:] for row in _ARMS.values()], dtype=np.float64)

# How often each kind of pose is drawn.
POSE_KINDS = {
    'standing': 0.42,
    'walking': 0.26,
    'sitting': 0.13,
    'bending': 0.05,
    'squatting': 0.04,
    'kneeling': 0.03,
    'jumping': 0.05,
    'lying': 0.02,
}


@dataclass(frozen=True)
class Pose:
    """One pose.

    Attributes:
        kind: A key of POSE_KINDS.
        angles: (16, 3), degrees: plane, bend and twist of every bone.
        root: (3, 3) rotation of the whole body (lying down), or None.
        posture: Where this puts the bones of the body it was drawn for.
    """

    kind: str
    angles: Array
    root: Array | None
    posture: Posture


def sample_pose(rng: np.random.Generator, shape: BodyShape, kind: str | None = None) -> Pose:
    """A random pose of a body; `kind` fixes what it does, otherwise POSE_KINDS says how likely each is."""
    if kind is None:
        weights = np.array(list(POSE_KINDS.values()))
        kind = str(rng.choice(list(POSE_KINDS), p=weights / weights.sum()))
    if kind not in POSE_KINDS:
        raise ValueError(f'kind must be one of {list(POSE_KINDS)} or None, got {kind!r}')
    angles = np.zeros((len(BONES), 3))
    _set_trunk(rng, angles)
    _set_legs(rng, angles, kind)
    root = _lying_root(rng) if kind == 'lying' else None
    for _ in range(12):
        _set_arms(rng, angles, kind)
        clipped = np.clip(angles, JOINT_LIMITS[:, 0], JOINT_LIMITS[:, 1])
        posture = forward_kinematics(clipped, shape, root)
        if not _arms_in_body(posture, shape):
            break
    return Pose(kind, clipped, root, posture)


def _set_trunk(rng: np.random.Generator, angles: Array) -> None:
    for name, bend, twist in (('chest', 5, 7), ('neck', 6, 10), ('head', 6, 10)):
        angles[BONES[name]] = (rng.uniform(-180, 180), abs(rng.normal(0, bend)), rng.normal(0, twist))


def _set_arms(rng: np.random.Generator, angles: Array, kind: str) -> None:
    both = rng.choice(len(_ARM_NAMES), size=2, p=_ARM_WEIGHTS)
    if rng.random() < 0.45:
        both[1] = both[0]
    if kind == 'jumping' and rng.random() < 0.7:
        both[:] = _ARM_NAMES.index('raised')
    for side, choice in zip(('left', 'right'), both, strict=True):
        plane, bend, twist, elbow = rng.normal(*_ARM_STATS[choice])
        if kind == 'lying':  # arms beside the body or on the ground, not below it
            plane = rng.normal(90, 10)
        angles[BONES[f'{side}_upper_arm']] = (plane, bend, twist)
        angles[BONES[f'{side}_forearm']] = (0, abs(elbow), rng.normal(0, 25))
        angles[BONES[f'{side}_hand']] = (rng.uniform(-180, 180), abs(rng.normal(0, 10)), 0)


def _set_legs(rng: np.random.Generator, angles: Array, kind: str) -> None:
    pitch, legs = _LEG_RULES[kind](rng)
    angles[BONES['pelvis']] = (0, pitch, 0)
    if kind == 'bending':
        angles[BONES['chest']] = (rng.normal(0, 8), rng.uniform(25, 55), rng.normal(0, 8))
    elif kind == 'squatting':
        angles[BONES['chest']] = (rng.normal(0, 8), rng.uniform(8, 30), rng.normal(0, 8))
    flip = rng.random() < 0.5
    for side, (plane, bend, twist, knee) in zip(('left', 'right'), legs[::-1] if flip else legs, strict=True):
        angles[BONES[f'{side}_thigh']] = (plane, bend, twist)
        angles[BONES[f'{side}_shank']] = (0, max(knee, 0.0), rng.normal(0, 3))
        # Keeps the sole flat on the ground as far as the ankle allows.
        angles[BONES[f'{side}_foot']] = (0, knee + pitch - bend * np.cos(np.deg2rad(plane)) + rng.normal(0, 4), 0)


_Leg = tuple[float, float, float, float]
_Legs = tuple[float, tuple[_Leg, _Leg]]


def _standing(rng: np.random.Generator) -> _Legs:
    def leg() -> _Leg:
        return rng.uniform(60, 90), abs(rng.normal(6, 5)), rng.normal(10, 8), abs(rng.normal(4, 4))

    relaxed = (rng.uniform(20, 70), abs(rng.normal(14, 6)), rng.normal(12, 8), abs(rng.normal(25, 10)))
    return rng.normal(0, 2), (leg(), relaxed if rng.random() < 0.35 else leg())


def _walking(rng: np.random.Generator) -> _Legs:
    stride = rng.uniform(14, 48)
    front = (rng.uniform(0, 8), stride, rng.normal(2, 4), abs(rng.normal(stride * 0.5, 10)))
    back = (rng.uniform(0, 8), -stride * rng.uniform(0.35, 0.6), rng.normal(2, 4), rng.uniform(15, 20 + stride * 1.3))
    return rng.uniform(0, 8), (front, back)


def _sitting(rng: np.random.Generator) -> _Legs:
    def leg() -> _Leg:
        return rng.normal(10, 8), rng.normal(86, 7), rng.normal(0, 5), rng.normal(84, 14)

    return rng.normal(0, 6), (leg(), leg())


def _bending(rng: np.random.Generator) -> _Legs:
    pitch = rng.uniform(20, 55)

    def leg() -> _Leg:
        return rng.uniform(2, 12), pitch + rng.normal(4, 6), rng.normal(5, 5), abs(rng.normal(12, 9))

    return pitch, (leg(), leg())


def _squatting(rng: np.random.Generator) -> _Legs:
    depth = rng.uniform(0.45, 1.0)

    def leg() -> _Leg:
        return rng.uniform(8, 32), 112 * depth + rng.normal(0, 5), rng.normal(0, 5), 122 * depth + rng.normal(0, 6)

    return 18 * depth, (leg(), leg())


def _kneeling(rng: np.random.Generator) -> _Legs:
    front = (rng.uniform(0, 20), rng.normal(86, 7), 0.0, rng.normal(88, 8))
    down = (rng.uniform(0, 10), rng.normal(0, 6), 0.0, rng.normal(88, 8))
    both_down = rng.random() < 0.3
    return rng.normal(2, 4), (down if both_down else front, down)


def _jumping(rng: np.random.Generator) -> _Legs:
    def leg() -> _Leg:
        return rng.uniform(40, 90), rng.uniform(12, 40), rng.normal(5, 8), abs(rng.normal(22, 22))

    return rng.normal(0, 5), (leg(), leg())


def _lying(rng: np.random.Generator) -> _Legs:
    def leg() -> _Leg:
        return rng.uniform(10, 60), abs(rng.normal(14, 14)), rng.normal(5, 8), abs(rng.normal(18, 20))

    return 0.0, (leg(), leg())


_LEG_RULES = {
    'standing': _standing,
    'walking': _walking,
    'sitting': _sitting,
    'bending': _bending,
    'squatting': _squatting,
    'kneeling': _kneeling,
    'jumping': _jumping,
    'lying': _lying,
}


def _lying_root(rng: np.random.Generator) -> Array:
    """On the back, the front or a side: the body's long axis level, its roll about that axis random."""
    roll = np.deg2rad(rng.choice([0.0, 180.0, 90.0, -90.0], p=[0.45, 0.25, 0.15, 0.15]) + rng.normal(0, 8))
    cos, sin = np.cos(roll), np.sin(roll)
    about_axis = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    back = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    return back @ about_axis


def _arms_in_body(posture: Posture, shape: BodyShape) -> bool:
    """Whether an elbow, a wrist, a hand or the middle of a forearm is inside the trunk or the head."""
    points = []
    for side in ('left', 'right'):
        elbow, hand = BONES[f'{side}_forearm'], BONES[f'{side}_hand']
        wrist = posture.origins[hand]
        tip = wrist + posture.rotations[hand] @ np.array([0.0, -0.10 * shape.scale, 0.0])
        points += [posture.origins[elbow], (posture.origins[elbow] + wrist) / 2, wrist, tip]
    stacked = np.stack(points)
    size = shape.scale
    for bone, low, high, radii in (('pelvis', -0.12, 0.14, (0.20, 0.17)), ('chest', -0.02, 0.40, (0.185, 0.155))):
        local = (stacked - posture.origins[BONES[bone]]) @ posture.rotations[BONES[bone]] / size
        wide, deep = radii[0] * shape.girth, radii[1] * shape.girth
        inside = (local[:, 0] / wide) ** 2 + (local[:, 2] / deep) ** 2 < 1
        if np.any(inside & (local[:, 1] > low) & (local[:, 1] < high)):
            return True
    head = posture.origins[BONES['head']] + posture.rotations[BONES['head']] @ np.array([0, 0.09, 0.02]) * size
    return bool(np.any(np.linalg.norm(stacked - head, axis=1) < 0.15 * size))
