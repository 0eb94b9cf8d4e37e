"""The body's surface: one fixed mesh of quads whose vertices follow the bones.

Every person has the same vertices and facets; only proportions, posture and colors differ. So all that depends on the
topology is built once, and one person costs a few array operations.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from .body_parts import DECALS, PARTS, Decal, Part
from .body_skeleton import BONES, BodyShape, Posture, rest_origins

__all__ = ['BodyMesh', 'body_mesh', 'pose_vertices']

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_SIZES = ('trunk', 'limb', 'head')


@dataclass(frozen=True)
class BodyMesh:
    """V vertices and F facets, the same for everyone.

    Attributes:
        axial, radial: (V, 3), along and across the axis of the part, relative to the bone's origin; meters, or
            fractions of `length_bone` for the axial part of limbs.
        bones: (V, 2), the two bones a vertex follows.
        weight: (V,), share of the second bone.
        length_bone: (V,), bone whose length scales the axial part, -1 where it is in meters.
        size: (V,), index into ('trunk', 'limb', 'head').
        quads: (F, 4), corners of the facets, counter-clockwise seen from outside.
        part: (F,), index into `names`.
        angle: (F,), degrees around the part's axis: 0 the front, +90 the person's left.
        along: (F,), place along the part's axis, in the units of body_parts.py.
        optional, two_sided, decal: (F,).
        names: Names of the parts, limbs with left_ and right_.
        masks: Per name, with and without the side, which facets it has: (F,).
    """

    axial: Array
    radial: Array
    bones: Ints
    weight: Array
    length_bone: Ints
    size: Ints
    quads: Ints
    part: Ints
    angle: Array
    along: Array
    optional: Bools
    two_sided: Bools
    decal: Bools
    names: tuple[str, ...]
    masks: dict[str, Bools]

    def of(self, *names: str) -> Bools:
        """Mask (F,) of the facets of the named parts; 'hand' stands for both hands."""
        found = self.masks[names[0]]
        for name in names[1:]:
            found = found | self.masks[name]
        return found


def _without_side(name: str) -> str:
    return name.removeprefix('left_').removeprefix('right_')


@cache
def body_mesh() -> BodyMesh:
    """The mesh, built on first use."""
    pieces, names = [], []
    for name, part in PARTS.items():
        for side in ('left_', 'right_') if part.sided else ('',):
            pieces.append(_ring_piece(part, side))
            names.append(side + name)
    for name, decal in DECALS.items():
        pieces.append(_decal_piece(decal))
        names.append(name)
    counts = np.cumsum([0] + [len(piece['weight']) for piece in pieces])
    for index, piece in enumerate(pieces):
        piece['quads'] = piece['quads'] + counts[index]
        piece['part'] = np.full(len(piece['quads']), index)
    joined = {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]}
    masks: dict[str, Bools] = {}
    for index, name in enumerate(names):
        mask = joined['part'] == index
        mask.flags.writeable = False
        masks[name] = mask
        masks[_without_side(name)] = masks.get(_without_side(name), mask) | mask
    return BodyMesh(**joined, names=tuple(names), masks=masks)


def _limb_side(side: str) -> float:
    return -1.0 if side == 'right_' else 1.0


def _ring_piece(part: Part, side: str) -> dict[str, npt.NDArray]:
    rings = np.array(part.rings)
    count, sides = len(rings), part.sides
    theta = np.arange(sides) * 2 * np.pi / sides
    zeros = np.zeros((count, sides))
    place = rings[:, :1] + zeros
    wide = rings[:, 1:2] * np.sin(theta) + rings[:, 3:4] * _limb_side(side)
    deep = rings[:, 2:3] * np.cos(theta) + rings[:, 4:5]
    if part.axis == 'front':
        axial, radial = (zeros, zeros, place), (wide, deep, zeros)
    else:
        axial, radial = (zeros, -place if part.axis == 'down' else place, zeros), (wide, zeros, deep)
    vertices = {'axial': np.stack(axial, -1).reshape(-1, 3), 'radial': np.stack(radial, -1).reshape(-1, 3)}
    vertices |= _binding(part, side, place.ravel(), np.sin(np.tile(theta, count)))
    quads = _ring_quads(count, sides, flip=part.axis == 'up')
    middle = (np.arange(sides) + 0.5) * 360 / sides
    facets = {
        'quads': quads,
        'angle': np.tile((middle + 180) % 360 - 180, count - 1),
        'along': np.repeat((rings[1:, 0] + rings[:-1, 0]) / 2, sides),
        'optional': np.full(len(quads), part.optional),
        'two_sided': np.full(len(quads), part.two_sided),
        'decal': np.zeros(len(quads), dtype=bool),
    }
    return vertices | facets


def _ring_quads(count: int, sides: int, flip: bool) -> Ints:
    ring, side = np.meshgrid(np.arange(count - 1), np.arange(sides), indexing='ij')
    here, there = ring * sides + side, ring * sides + (side + 1) % sides
    order = [here, there, there + sides, here + sides]
    return np.stack(order if flip else order[::-1], axis=-1).reshape(-1, 4)


def _binding(part: Part, side: str, place: Array, leftness: Array) -> dict[str, npt.NDArray]:
    """Which bones the vertices follow, and what scales them."""
    bone = _bone(part.bone, side)
    first = np.full(len(place), bone)
    second, weight = first.copy(), np.zeros(len(place))
    if part.second is not None:
        ramp = np.clip((place - part.blend[0]) / (part.blend[1] - part.blend[0]), 0, 1)
        weight = ramp * ramp * (3 - 2 * ramp)
        if part.second == 'thigh':  # a skirt follows the thigh of its side, less so midway between the two
            weight = weight * 0.9 * np.sqrt(np.abs(leftness))
            second = np.where(leftness > 0, BONES['left_thigh'], BONES['right_thigh'])
        else:
            second[:] = BONES[part.second]
    return {
        'bones': np.stack([first, second], axis=-1),
        'weight': weight,
        'length_bone': np.full(len(place), bone if part.length == 'bone' else -1),
        'size': np.full(len(place), _SIZES.index(part.size)),
    }


def _bone(name: str, side: str) -> int:
    return BONES[side + name] if side + name in BONES else BONES[name]


def _decal_piece(decal: Decal) -> dict[str, npt.NDArray]:
    host = PARTS[decal.host]
    corners = decal.quads.reshape(-1, 2)
    # The front of a part has both the turning sense and the normal of an image looked at from +z.
    place, wide, deep, _, shift = (
        np.interp(corners[:, 1], [ring[0] for ring in host.rings], column) for column in np.array(host.rings).T
    )
    surface = shift + deep * np.sqrt(np.maximum(1 - (corners[:, 0] / wide) ** 2, 0)) + decal.lift
    zeros = np.zeros(len(corners))
    count = len(decal.quads)
    quads = np.arange(count * 4).reshape(-1, 4)
    x, y = decal.quads[..., 0], decal.quads[..., 1]
    signed = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    quads[signed < 0] = quads[signed < 0, ::-1]
    return {
        'axial': np.stack([zeros, place, zeros], -1),
        'radial': np.stack([corners[:, 0], zeros, surface], -1),
        'quads': quads,
        'angle': np.sign(x.mean(axis=1)) * 1.0,
        'along': y.mean(axis=1),
        'optional': np.full(count, decal.optional),
        'two_sided': np.zeros(count, dtype=bool),
        'decal': np.ones(count, dtype=bool),
    } | _binding(host, '', place, zeros)


def pose_vertices(mesh: BodyMesh, shape: BodyShape, posture: Posture, looseness: Array) -> Array:
    """Vertices of one person in the body frame.

    Args:
        mesh: From `body_mesh`.
        shape: Proportions.
        posture: Bones, from `forward_kinematics` with the same shape.
        looseness: (V,), factor by which loose clothing lifts the surface off its axis; 1 for skin.

    Returns:
        (V, 3), meters.
    """
    origins = rest_origins(shape)
    scale = shape.scale
    widths = np.array([shape.girth * scale, shape.limb_girth * scale, shape.head])
    lengths = np.array([shape.trunk * scale, scale, shape.head])[mesh.size]
    limbs = mesh.length_bone >= 0
    lengths[limbs] = _bone_lengths(shape)[mesh.length_bone[limbs]]
    radial = mesh.radial * (widths[mesh.size] * looseness)[:, None]
    trunk = mesh.size == 0
    across = shape.hip + (shape.shoulder - shape.hip) * mesh.weight[trunk]
    radial[trunk, 0] *= across / np.sqrt(shape.girth)
    rest = mesh.axial * lengths[:, None] + radial + origins[mesh.bones[:, 0]]
    shift = posture.origins - np.einsum('bij,bj->bi', posture.rotations, origins)
    moved = _follow(rest, mesh.bones[:, 0], posture.rotations, shift)
    mixed = mesh.weight > 0
    weight = mesh.weight[mixed, None]
    second = _follow(rest[mixed], mesh.bones[mixed, 1], posture.rotations, shift)
    moved[mixed] = moved[mixed] * (1 - weight) + second * weight
    return moved


def _follow(rest: Array, bones: Ints, rotations: Array, shift: Array) -> Array:
    """Moves the vertices with their bones; those of one bone lie side by side."""
    moved = np.empty_like(rest)
    starts = np.flatnonzero(np.diff(bones, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(bones)], strict=True):
        bone = bones[start]
        moved[start:end] = rest[start:end] @ rotations[bone].T + shift[bone]
    return moved


def _bone_lengths(shape: BodyShape) -> Array:
    """Length from a limb bone's origin to its child's: (16,), meters; 0 for the others."""
    origins = rest_origins(shape)
    lengths = np.zeros(len(BONES))
    for side in ('left_', 'right_'):
        chains = (('upper_arm', 'forearm'), ('forearm', 'hand'), ('thigh', 'shank'), ('shank', 'foot'))
        for upper, lower in chains:
            gap = origins[BONES[side + upper]] - origins[BONES[side + lower]]
            lengths[BONES[side + upper]] = np.linalg.norm(gap)
    return lengths
