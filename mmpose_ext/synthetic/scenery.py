"""What hangs on a wall, and what stands at the horizon: polygons painted onto the empty background."""

import cv2
import numpy as np
import numpy.typing as npt

from .scene_camera import SceneCamera

__all__ = ['FRACTION_BITS', 'draw_skyline', 'draw_wall_things', 'fill_polygon', 'fixed_point']

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

FRACTION_BITS = 4  # of the corners handed to OpenCV

_UNIT_BOX = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def fixed_point(points: Array) -> npt.NDArray[np.int32]:
    """Pixel coordinates with FRACTION_BITS fractional bits, as OpenCV's `shift` expects them."""
    return np.round(np.clip(points, -8000, 8000) * (1 << FRACTION_BITS)).astype(np.int32)


def fill_polygon(image: Pixels, points: Array, color: Array) -> None:
    """Fills a convex polygon, (n, 2) pixels, anti-aliased, in place."""
    shade = [float(c) for c in np.clip(color, 0, 255)]
    cv2.fillConvexPoly(image, fixed_point(points), shade, cv2.LINE_AA, FRACTION_BITS)


def _muted(rng: np.random.Generator, spread: float = 22.0) -> Array:
    color: Array = np.clip(rng.uniform(45, 220) + rng.normal(0, spread, 3), 10, 245)
    return color


def _round(center: Array, wide: float, high: float, corners: int) -> Array:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return center + np.stack([wide * np.cos(turn), high * np.sin(turn)], axis=-1)


def draw_wall_things(rng: np.random.Generator, camera: SceneCamera, image: Pixels, foot: Array, across: Array) -> None:
    """Windows, doors and framed images.

    Args:
        rng: Where, which and in what colors.
        camera: Who looks.
        image: (H, W, 3), changed in place.
        foot: (3,), where the wall's origin stands on the ground, world frame, meters.
        across: (3,), unit vector along the wall.
    """

    def fill(rect: Array, color: Array) -> None:
        world = foot + rect[:, :1] * across - rect[:, 1:] * np.array([0, 1.0, 0])
        fill_polygon(image, camera.project(camera.to_camera(world)), color)

    for _ in range(int(rng.integers(0, 5))):
        kind = rng.choice(['window', 'frame', 'frame', 'door'])
        at = np.array([rng.uniform(-3.2, 3.2), 0.0 if kind == 'door' else rng.uniform(0.8, 1.6)])
        size = np.array([0.9, 2.0]) if kind == 'door' else rng.uniform((0.35, 0.35), (1.4, 1.1))
        border, inside = _muted(rng), _muted(rng, 30.0)
        if kind == 'window':
            inside = np.array([225.0, 205.0, 185.0]) * rng.uniform(0.7, 1.1)
        fill(_UNIT_BOX * size + at, border)
        fill(_UNIT_BOX * (size - 0.1) + at + 0.05, inside)
        if kind == 'window':
            fill(_UNIT_BOX * size * (0.06, 1.0) + at + size * (0.47, 0.0), border)
            fill(_UNIT_BOX * size * (1.0, 0.06) + at + size * (0.0, 0.47), border)
        elif kind == 'frame':
            for _ in range(3):
                patch = _UNIT_BOX * rng.uniform(0.1, 0.4, 2) + rng.uniform(0.1, 0.5, 2)
                fill(patch * size + at, _muted(rng, 45.0))


def draw_skyline(rng: np.random.Generator, camera: SceneCamera, image: Pixels) -> None:
    """Hills, houses and trees at the horizon, in place."""
    width = image.shape[1]
    horizon = camera.center[1] - camera.focal[1] * np.tan(camera.pitch) + 8
    hill = np.array([70.0, 110.0, 90.0]) * rng.uniform(0.6, 1.3) + rng.normal(0, 10, 3)
    for _ in range(int(rng.integers(1, 4))):
        center = np.array([rng.uniform(0, width), horizon])
        outline = _round(center, rng.uniform(60, 200), rng.uniform(10, 45), 24)
        fill_polygon(image, outline, hill + rng.normal(0, 10, 3))
    for _ in range(int(rng.integers(0, 5))):
        _house(rng, image, rng.uniform(-40, width), horizon)
    for _ in range(int(rng.integers(0, 6))):
        _tree(rng, image, rng.uniform(0, width), horizon)


def _house(rng: np.random.Generator, image: Pixels, left: float, ground: float) -> None:
    wide, high = rng.uniform(24, 90), rng.uniform(30, 130)
    wall = _muted(rng, 14.0)
    glass = wall * rng.choice([0.6, 1.25])
    fill_polygon(image, _UNIT_BOX * (wide, -high) + (left, ground), wall)
    columns, rows = int(wide // 11), int(high // 14)
    pane = _UNIT_BOX * (wide / columns * 0.45, high / rows * 0.5)
    for i in range(columns):
        for j in range(rows):
            at = (left + (i + 0.3) * wide / columns, ground - (j + 0.8) * high / rows)
            fill_polygon(image, pane + at, glass)


def _tree(rng: np.random.Generator, image: Pixels, x: float, ground: float) -> None:
    high = rng.uniform(25, 90)
    bark = np.array([40.0, 60.0, 80.0]) * rng.uniform(0.6, 1.3)
    leaf = np.array([55.0, 110.0, 70.0]) * rng.uniform(0.5, 1.3)
    trunk = np.array([(x - 3, ground), (x + 3, ground), (x + 2, ground - high), (x - 2, ground - high)])
    fill_polygon(image, trunk, bark)
    for _ in range(7):
        center = np.array([x, ground - high]) + rng.normal(0, high * 0.18, 2)
        size = high * rng.uniform(0.14, 0.26)
        fill_polygon(image, _round(center, size, size, 12), leaf * rng.uniform(0.8, 1.25))
