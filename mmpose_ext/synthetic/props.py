"""Things that are not people: furniture, columns, plants; behind, under or in front of the people.

Everything is made of small quads in the world frame (x right, y down, z away, the ground at y = 0; meters), so that
the painter's order of quads by distance holds between a chair and the person on it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ['Prop', 'box', 'cloth_color', 'join', 'sample_occluder', 'sample_prop', 'seat']

Array = npt.NDArray[np.float64]

_PIECE = 0.3  # meters: the longest edge of a quad


@dataclass(frozen=True)
class Prop:
    """Quads of one thing.

    Attributes:
        corners: (Q, 4, 3), world frame, meters, counter-clockwise seen from outside.
        colors: (Q, 3), blue, green, red, 0 to 255.
    """

    corners: Array
    colors: Array


def join(props: list[Prop]) -> Prop:
    """One prop of several."""
    return Prop(np.concatenate([prop.corners for prop in props]), np.concatenate([prop.colors for prop in props]))


def cloth_color(rng: np.random.Generator, bright: float = 1.0) -> Array:
    """A muted color of furniture."""
    gray = rng.uniform(50, 200)
    return np.clip(gray + rng.normal(0, 24, 3), 15, 240) * bright


@cache
def _unit_box(across: int, high: int, deep: int) -> Array:
    """The box 0..1 without its lower face, every face cut into a grid: (Q, 4, 3), (across, up, back)."""
    x, y, z = np.eye(3)
    zero = np.zeros(3)
    faces = [
        (zero, x, y, across, high),
        (x, z, y, deep, high),
        (x + z, -x, y, across, high),
        (z, -z, y, deep, high),
        (y, x, z, across, deep),
    ]
    quads = []
    for corner, along, up, columns, rows in faces:
        i, j = (grid.reshape(-1, 1, 1) for grid in np.meshgrid(np.arange(columns), np.arange(rows)))
        steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        quads.append(corner + (i + steps[None, :, :1]) / columns * along + (j + steps[None, :, 1:]) / rows * up)
    return np.concatenate(quads)


def box(center: tuple[float, float, float], size: tuple[float, float, float], turn: float, color: Array) -> Prop:
    """A box: `center` of its lower face (y is its height above the ground), `size` wide, high, deep."""
    cos, sin = np.cos(turn), np.sin(turn)
    edges = np.array([(cos * size[0], 0, sin * size[0]), (0, -size[1], 0), (-sin * size[2], 0, cos * size[2])])
    low = np.array([center[0], -center[1], center[2]]) - (edges[0] + edges[2]) / 2
    corners = low + _unit_box(*(max(1, int(np.ceil(length / _PIECE))) for length in size)) @ edges
    return Prop(corners, np.broadcast_to(color, (len(corners), 3)))


def _round(place: tuple[float, float], profile: list[tuple[float, float]], color: Array, sides: int = 12) -> Prop:
    """A turned body: `profile` is a list of (height above the ground, radius)."""
    theta = np.arange(sides + 1) * 2 * np.pi / sides
    height, radius = np.array(profile).T[..., None]
    flat = np.zeros(sides + 1)
    rings = np.stack([place[0] + radius * np.cos(theta), flat - height, place[1] + radius * np.sin(theta)], axis=-1)
    corners = np.stack([rings[:-1, :-1], rings[:-1, 1:], rings[1:, 1:], rings[1:, :-1]], axis=2).reshape(-1, 4, 3)
    return Prop(corners, np.broadcast_to(color, (len(corners), 3)))


def _heights(low: float, high: float) -> list[float]:
    return list(np.linspace(low, high, max(2, int(np.ceil((high - low) / _PIECE)) + 1)))


def _column(rng: np.random.Generator, x: float, z: float) -> Prop:
    radius = rng.uniform(0.05, 0.14)
    return _round((x, z), [(h, radius) for h in _heights(0, 3.2)], cloth_color(rng))


def _lamp(rng: np.random.Generator, x: float, z: float) -> Prop:
    shade = cloth_color(rng, 1.2)
    foot = _round((x, z), [(h, 0.022) for h in _heights(0, 1.5)], cloth_color(rng, 0.5), 8)
    return join([foot, _round((x, z), [(1.42, 0.2), (1.6, 0.17), (1.75, 0.12), (1.75, 0)], shade)])


def _plant(rng: np.random.Generator, x: float, z: float) -> Prop:
    pot = _round((x, z), [(0, 0.13), (0.15, 0.16), (0.3, 0.18), (0.3, 0)], cloth_color(rng))
    count = int(rng.integers(18, 34))
    angle, rise = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.15, 1.0, count)
    reach = rng.uniform(0.12, 0.38, count)
    way = np.stack([np.cos(angle), np.zeros(count), np.sin(angle)], -1)
    root = np.array([x, -0.3, z]) + way * 0.03
    tip = root + way * reach[:, None] + np.array([0, -1.0, 0]) * rise[:, None]
    middle = (root + tip) / 2 + np.array([0, -0.1, 0])
    across = np.cross(way, [0, 1.0, 0]) * 0.045
    leaves = np.stack([root, middle - across, tip, middle + across], axis=1)
    leaves = np.concatenate([leaves, leaves[:, ::-1]])
    green = np.array([50.0, 110.0, 60.0]) + rng.normal(0, 18, (count, 3))
    return join([pot, Prop(leaves, np.clip(np.tile(green, (2, 1)), 10, 230))])


def _crate(rng: np.random.Generator, x: float, z: float) -> Prop:
    size = (rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.5))
    return box((x, 0, z), size, rng.uniform(-0.6, 0.6), cloth_color(rng))


def _table(rng: np.random.Generator, x: float, z: float) -> Prop:
    wide, deep, high = rng.uniform(0.8, 1.4), rng.uniform(0.45, 0.7), rng.uniform(0.66, 0.78)
    turn, color = rng.uniform(-0.5, 0.5), cloth_color(rng)
    parts = [box((x, high - 0.05, z), (wide, 0.05, deep), turn, color)]
    cos, sin = np.cos(turn), np.sin(turn)
    for i in (-0.46, 0.46):
        for j in (-0.44, 0.44):
            a, b = i * wide, j * deep
            parts.append(
                box((x + a * cos - b * sin, 0, z + a * sin + b * cos), (0.05, high - 0.05, 0.05), turn, color * 0.8)
            )
    return join(parts)


def _sofa(rng: np.random.Generator, x: float, z: float) -> Prop:
    turn, color, wide = rng.uniform(-0.4, 0.4), cloth_color(rng), rng.uniform(1.1, 1.9)
    cos, sin = np.cos(turn), np.sin(turn)
    seat_part = box((x, 0, z), (wide, 0.42, 0.75), turn, color)
    back = box((x - 0.35 * sin, 0.42, z + 0.35 * cos), (wide, 0.42, 0.16), turn, color * 0.92)
    arms = [
        box((x + s * wide / 2 * cos, 0, z + s * wide / 2 * sin), (0.16, 0.6, 0.75), turn, color * 0.85) for s in (-1, 1)
    ]
    return join([seat_part, back, *arms])


def _shelf(rng: np.random.Generator, x: float, z: float) -> Prop:
    wide, rows = rng.uniform(0.8, 1.3), int(rng.integers(3, 6))
    wood = cloth_color(rng)
    high = rows * 0.36
    parts = [box((x, 0, z + 0.2), (wide, high, 0.04), 0, wood * 0.55)]
    parts += [box((x + s * wide / 2, 0, z), (0.04, high, 0.3), 0, wood) for s in (-1, 1)]
    parts += [box((x, row * 0.36 + 0.33, z), (wide, 0.03, 0.3), 0, wood) for row in range(rows)]
    for row in range(rows):
        place = x - wide / 2 + 0.06
        while place < x + wide / 2 - 0.12:
            thick = rng.uniform(0.04, 0.13)
            book = box(
                (place + thick / 2, row * 0.36, z + 0.02),
                (thick * 0.9, rng.uniform(0.16, 0.29), 0.2),
                0,
                cloth_color(rng),
            )
            parts.append(Prop(book.corners[:4], book.colors[:4]))
            place += thick + (rng.uniform(0.1, 0.3) if rng.random() < 0.12 else 0)
    return join(parts)


def _ball(rng: np.random.Generator, x: float, z: float) -> Prop:
    radius = rng.uniform(0.1, 0.28)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 9)
    lift = rng.uniform(0, 1.2) if rng.random() < 0.4 else 0.0
    profile = [(lift + radius * (1 + np.sin(a)), radius * np.cos(a)) for a in angles]
    return _round((x, z), profile, cloth_color(rng, 1.1), 14)


def _limbs(rng: np.random.Generator, x: float, z: float) -> Prop:
    """A coat stand or a bent pipe: thin, jointed, of skin's or cloth's color."""
    color = np.array([110.0, 150.0, 205.0]) * rng.uniform(0.6, 1.1) if rng.random() < 0.4 else cloth_color(rng)
    parts, center = [], (x, z)
    high = rng.uniform(0.9, 1.8)
    parts.append(_round(center, [(h, rng.uniform(0.035, 0.05)) for h in _heights(0, high)], color, 10))
    for _ in range(int(rng.integers(1, 4))):
        low, long = rng.uniform(0.5, 1.0) * high, rng.uniform(0.25, 0.5)
        way = rng.choice([-1.0, 1.0])
        parts.append(box((x + way * long / 2, low, z), (long, 0.07, 0.07), 0, color))
    return join(parts)


_BEHIND = (_shelf, _table, _sofa, _crate, _plant, _lamp, _column, _ball, _limbs)
_BEHIND_WEIGHTS = np.array([0.13, 0.12, 0.12, 0.15, 0.14, 0.08, 0.08, 0.08, 0.10])
_OUTDOORS = (_crate, _table, _plant, _column, _ball, _limbs)
_OUTDOORS_WEIGHTS = np.array([0.22, 0.14, 0.24, 0.12, 0.14, 0.14])
_IN_FRONT = (_crate, _table, _plant, _column, _sofa)
_IN_FRONT_WEIGHTS = np.array([0.35, 0.15, 0.20, 0.20, 0.10])


def sample_prop(rng: np.random.Generator, x: float, z: float, outdoors: bool) -> Prop:
    """Something to stand at (x, z) behind or beside the people."""
    if outdoors:
        return _OUTDOORS[int(rng.choice(len(_OUTDOORS), p=_OUTDOORS_WEIGHTS))](rng, x, z)
    return _BEHIND[int(rng.choice(len(_BEHIND), p=_BEHIND_WEIGHTS))](rng, x, z)


def sample_occluder(rng: np.random.Generator, x: float, z: float) -> Prop:
    """Something to stand at (x, z) in front of a person."""
    return _IN_FRONT[int(rng.choice(len(_IN_FRONT), p=_IN_FRONT_WEIGHTS))](rng, x, z)


def seat(rng: np.random.Generator, x: float, z: float, height: float, turn: float) -> Prop:
    """What a sitting person at (x, z) sits on; `turn` is the box's rotation about the vertical, radians."""
    color = cloth_color(rng)
    cos, sin = np.cos(turn), np.sin(turn)
    if rng.random() < 0.45:
        return box((x, 0, z), (0.42, height, 0.40), turn, color)
    parts = [box((x, height - 0.05, z), (0.44, 0.05, 0.42), turn, color)]
    for i in (-0.18, 0.18):
        for j in (-0.17, 0.17):
            leg = (x + i * cos - j * sin, 0.0, z + i * sin + j * cos)
            parts.append(box(leg, (0.04, height - 0.05, 0.04), turn, color * 0.7))
    if rng.random() < 0.5:
        parts.append(box((x - sin * 0.21, height, z + cos * 0.21), (0.42, 0.40, 0.035), turn, color * 0.9))
    return join(parts)
