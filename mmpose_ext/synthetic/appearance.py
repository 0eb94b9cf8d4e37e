"""Looks of one person: skin, hair and clothing, as a color for every facet of the body's mesh.

What tells left from right is what does so on real people: the front differs from the back. Faces have eyes, brows, a
nose and a mouth, the back of the head has hair; shirts have buttons, a print, a tie or an open jacket in front only,
trousers a buckle in front and pockets behind; feet, knees and thumbs point where they should. All of it is symmetric
about the body's midline, so mirroring an image and exchanging left and right gives another valid image.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .mesh import BodyMesh, body_mesh

__all__ = ['Appearance', 'sample_appearance']

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Blue, green, red, 0 to 255.
_SKINS = np.array(
    [
        (196, 214, 243),
        (168, 195, 235),
        (145, 176, 222),
        (116, 150, 205),
        (90, 124, 183),
        (66, 94, 148),
        (50, 70, 112),
        (40, 54, 86),
    ],
    dtype=np.float64,
)
_HAIRS = np.array(
    [
        (24, 24, 28),
        (30, 38, 52),
        (40, 58, 86),
        (58, 90, 132),
        (110, 165, 205),
        (48, 70, 150),
        (150, 152, 156),
        (28, 30, 40),
    ],
    dtype=np.float64,
)
_TROUSERS = np.array(
    [
        (92, 62, 42),
        (120, 86, 58),
        (52, 44, 40),
        (38, 36, 36),
        (110, 140, 165),
        (78, 104, 112),
        (70, 82, 66),
        (130, 128, 126),
        (60, 66, 96),
    ],
    dtype=np.float64,
)
_SHOES = np.array(
    [(36, 36, 40), (52, 74, 108), (225, 226, 228), (150, 110, 70), (60, 60, 190), (105, 105, 108)], dtype=np.float64
)


@dataclass(frozen=True)
class Appearance:
    """Colors and clothing of one person.

    Attributes:
        colors: (F, 3), blue, green, red, 0 to 255, before lighting.
        drawn: (F,), which facets exist on this person.
        looseness: (V,), how loose clothing lifts the surface; see `mesh.pose_vertices`.
    """

    colors: Array
    drawn: Bools
    looseness: Array


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """A randomly dressed person."""
    mesh = body_mesh()
    painter = _Painter(mesh, rng)
    painter.head()
    painter.lower_body()
    painter.upper_body()
    return Appearance(painter.colors, painter.drawn, painter.looseness)


def _pick(rng: np.random.Generator, table: Array, spread: float = 8.0) -> Array:
    return np.clip(table[rng.integers(len(table))] + rng.normal(0, spread, 3), 8, 248)


def _cloth(rng: np.random.Generator) -> Array:
    """A garment's color: grays, whites and dark ones, or any hue."""
    if rng.random() < 0.3:
        return np.clip(rng.choice([35.0, 70.0, 150.0, 205.0, 238.0]) + rng.normal(0, 6, 3), 8, 248)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.35, 0.95))
    return np.array([blue, green, red]) * 255


def _contrast(rng: np.random.Generator, color: Array) -> Array:
    """Another garment's color that stands out from `color`."""
    candidates = np.stack([_cloth(rng) for _ in range(6)])
    gap: Array = np.abs(candidates - color).sum(axis=1)
    best: Array = candidates[int(np.argmax(gap))]
    return best


class _Painter:
    """Collects colors while the garments are put on, from the skin outwards."""

    def __init__(self, mesh: BodyMesh, rng: np.random.Generator) -> None:
        self.mesh, self.rng = mesh, rng
        self.skin = _pick(rng, _SKINS, 5)
        self.colors = np.tile(self.skin, (len(mesh.quads), 1))
        self.drawn = ~mesh.optional
        self.looseness = np.ones(len(mesh.weight))
        self.turn = np.abs(mesh.angle)

    def paint(self, where: Bools, color: Array) -> None:
        self.colors[where] = color

    def loosen(self, where: Bools, factor: float) -> None:
        """Lifts the vertices of the facets off the body."""
        self.looseness[self.mesh.quads[where].ravel()] = factor

    def head(self) -> None:
        rng, mesh, turn = self.rng, self.mesh, self.turn
        hair = _pick(rng, _HAIRS, 5)
        style = rng.choice(['short', 'medium', 'long', 'bun', 'cap'], p=[0.42, 0.2, 0.2, 0.08, 0.10])
        low, sides = (0.0, 78) if style == 'medium' else (0.045, 100)
        y = mesh.along
        covered = (y > 0.176) | ((y > 0.145) & (turn > 48)) | ((y > 0.10) & (turn > 72)) | ((y > low) & (turn > sides))
        is_hair, is_head = mesh.of('hair'), mesh.of('head')
        self.drawn &= ~is_hair | covered
        self.paint(is_hair | (is_head & covered) | mesh.of('long_hair', 'bun'), hair)
        self.paint(mesh.of('neck') & (turn > 120) & (y > 0.02), (hair + 2 * self.skin) / 3)
        if style in ('long', 'bun'):
            self.drawn |= mesh.of('long_hair' if style == 'long' else 'bun')
        if style == 'cap':
            cap = _cloth(rng)
            self.paint(is_hair & (y > 0.125), cap)
            self.drawn |= mesh.of('brim')
            self.paint(mesh.of('brim'), cap * 0.75)
        if style in ('short', 'cap') and rng.random() < 0.3:
            self.paint(is_head & (y < 0.048) & (turn < 95) & (y > -0.02), hair * 0.8 + self.skin * 0.2)
        self.paint(mesh.of('eye_white'), np.array([245.0, 245.0, 245.0]))
        self.paint(mesh.of('iris'), np.array([35.0, 28.0, 25.0]) + rng.uniform(0, 40, 3))
        self.paint(mesh.of('brow'), hair * 0.55 + np.array([8.0, 10.0, 14.0]))
        self.paint(mesh.of('mouth'), self.skin * 0.35 + np.array([38.0, 36.0, 110.0]) * 0.9)
        self.paint(mesh.of('nose'), self.skin * np.array([0.90, 0.93, 1.0]))
        self.paint(mesh.of('ear'), self.skin * np.array([0.86, 0.9, 1.0]))

    def lower_body(self) -> None:
        rng, mesh = self.rng, self.mesh
        cloth = _pick(rng, _TROUSERS, 10) if rng.random() < 0.75 else _cloth(rng)
        kind = rng.choice(['trousers', 'shorts', 'skirt', 'tights'], p=[0.52, 0.22, 0.16, 0.10])
        thigh, shank, y = mesh.of('thigh'), mesh.of('shank'), mesh.along
        seat = mesh.of('trunk') & (y < 0.07)
        self.paint(seat, cloth)
        if kind == 'trousers':
            self.paint(thigh | shank, cloth)
            self.loosen(thigh, 1.04)
            self.loosen(shank & (y > 0.1), rng.uniform(1.02, 1.26))
        elif kind == 'shorts':
            hem = rng.choice([0.38, 0.62, 0.86])
            self.paint(thigh & (y < hem), cloth)
            self.loosen(thigh & (y < hem), rng.uniform(1.06, 1.16))
        elif kind == 'tights':
            self.paint(thigh | shank, cloth * 0.6)
        if kind in ('skirt', 'tights'):
            hem = rng.choice([-0.22, -0.32, -0.42, -0.52])
            skirt = mesh.of('skirt')
            self.drawn |= skirt & (y > hem)
            self.paint(skirt, cloth)
            self.drawn &= ~(thigh & (y < -0.5 - hem * 1.9))
            if rng.random() < 0.35:
                self.paint(skirt & (y < hem + 0.09), _contrast(rng, cloth))
        self.paint(seat & (y > 0.035), cloth * 0.5 if rng.random() < 0.7 else np.array([30.0, 36.0, 48.0]))
        self.paint(mesh.of('buckle'), np.array([150.0, 195.0, 215.0]))
        pockets = mesh.of('trunk') & (y > -0.06) & (y < 0.03) & (self.turn > 125) & (self.turn < 172)
        self.paint(pockets, cloth * 0.72)
        self._shoes(kind)

    def _shoes(self, kind: str) -> None:
        rng, mesh = self.rng, self.mesh
        shoe = _pick(rng, _SHOES, 10)
        foot, shank = mesh.of('foot'), mesh.of('shank')
        self.paint(foot, shoe)
        # The angle of a foot's facets runs from the instep (0) to the sole (180).
        self.paint(foot & (self.turn > 120), np.array([225.0, 228.0, 230.0]) if rng.random() < 0.6 else shoe * 0.5)
        if rng.random() < 0.5:
            self.paint(foot & (mesh.along > 0.12) & (self.turn < 120), _contrast(rng, shoe))
        if rng.random() < 0.5:
            self.paint(
                foot & (mesh.along > 0.03) & (mesh.along < 0.10) & (self.turn < 40), np.array([235.0, 235.0, 235.0])
            )
        if kind != 'trousers' and rng.random() < 0.7:
            sock = rng.choice([0.65, 0.78, 0.9])
            self.paint(
                shank & (mesh.along > sock), np.array([230.0, 230.0, 232.0]) if rng.random() < 0.6 else _cloth(rng)
            )

    def upper_body(self) -> None:
        rng, mesh = self.rng, self.mesh
        shirt, y = _cloth(rng), mesh.along
        hem = rng.choice([-0.055, 0.03, 0.07, 0.07])
        body = mesh.of('trunk') & (y > hem)
        self.paint(body, shirt)
        upper, fore = mesh.of('upper_arm'), mesh.of('forearm')
        sleeve = rng.choice(['none', 'short', 'elbow', 'long'], p=[0.12, 0.40, 0.10, 0.38])
        reach = {'none': -0.05, 'short': float(rng.choice([0.47, 0.61, 0.75])), 'elbow': 2.0, 'long': 2.0}[str(sleeve)]
        sleeves = upper & (y < reach)
        if sleeve == 'long':
            sleeves |= fore & (y < 0.95)
        self.paint(sleeves, shirt)
        self.loosen(sleeves & (y > 0.2), rng.uniform(1.02, 1.16))
        bare = sleeve == 'none'
        if bare:
            self.paint(mesh.of('trunk') & (y > 0.46), self.skin)
        self._stripes(body | sleeves, shirt)
        self._front(body, sleeves, shirt)
        if hem < 0:
            self.drawn &= ~mesh.of('buckle')
        if rng.random() < 0.12:
            self._backpack(body)

    def _stripes(self, where: Bools, shirt: Array) -> None:
        if self.rng.random() < 0.2:
            rings = np.floor(self.mesh.along / (0.04 if self.rng.random() < 0.5 else 0.08)).astype(int)
            limb = np.floor(self.mesh.along / 0.14).astype(int)
            stripe = np.where(self.mesh.of('trunk'), rings, limb) % 2 == 0
            self.paint(where & stripe, _contrast(self.rng, shirt))

    def _front(self, body: Bools, sleeves: Bools, shirt: Array) -> None:
        """What only the front of a shirt or a jacket has; the collar is open in front with every one of them."""
        rng, mesh, turn, y = self.rng, self.mesh, self.turn, self.mesh.along
        other = _contrast(rng, shirt)
        kind = rng.choice(['print', 'buttons', 'jacket', 'tie', 'apron'], p=[0.34, 0.20, 0.26, 0.10, 0.10])
        if kind == 'print':
            low, high, half = rng.choice([0.20, 0.26]), rng.choice([0.36, 0.40]), rng.choice([31, 46])
            self.paint(body & (y > low) & (y < high) & (turn < half), other)
        elif kind == 'buttons':
            self.paint(body & (turn < 15), shirt * 0.8)
            self.drawn |= mesh.of('buttons')
            self.paint(mesh.of('buttons'), other)
        elif kind in ('jacket', 'tie'):
            self.paint(body & (turn < 16), other)
            self.paint(body & (y > 0.22) & (turn < 31), other)
            self.paint(body & (y > 0.38) & (turn < 46), other)
            if kind == 'tie':
                self.drawn |= mesh.of('tie')
                self.paint(mesh.of('tie'), _contrast(rng, other))
        else:
            self.paint(body & (y < 0.36) & (turn < 62), other)
        self.paint(mesh.of('trunk') & (y > 0.485) & (turn < 62), self.skin)
        self.paint(mesh.of('trunk') & (y > 0.455) & (turn < 31) & (kind != 'tie'), self.skin)
        if rng.random() < 0.3:
            self.paint(body & (y > 0.40) & (turn > 95), shirt * 0.62)

    def _backpack(self, body: Bools) -> None:
        mesh, turn, y = self.mesh, self.turn, self.mesh.along
        color = _cloth(self.rng) * 0.8
        pack = mesh.of('backpack')
        self.drawn |= pack
        self.paint(pack, color)
        self.paint(pack & (y < 0.08) & (y > -0.04) & (turn > 140), color * 0.7)
        self.paint(body & (y > 0.16) & (y < 0.49) & (turn > 31) & (turn < 48), color * 0.6)
