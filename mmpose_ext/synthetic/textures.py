"""Gray tiles for walls, floors and cloudy skies, made once per process from a fixed seed.

A tile is (512, 512) uint8 and repeats without a seam. 64 of its pixels make a meter.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ['PIXELS_PER_METER', 'TILE_SIZE', 'grain', 'tile', 'tile_names']

Tile = npt.NDArray[np.uint8]

TILE_SIZE = 512
PIXELS_PER_METER = 64


def _noise(rng: np.random.Generator, cells: int) -> npt.NDArray[np.float64]:
    """Smooth noise of about the given number of bumps along each side, mean 0, deviation 1, without a seam."""
    coarse = rng.normal(size=(cells, cells))
    padded = np.pad(coarse, 2, mode='wrap')
    scale = TILE_SIZE // cells
    size = (cells + 4) * scale
    fine = cv2.resize(padded, (size, size), interpolation=cv2.INTER_CUBIC)[
        2 * scale : -2 * scale, 2 * scale : -2 * scale
    ]
    out: npt.NDArray[np.float64] = (fine - fine.mean()) / fine.std()
    return out


def _cloudy(rng: np.random.Generator, cells: tuple[int, ...], weights: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.sum([weight * _noise(rng, n) for n, weight in zip(cells, weights, strict=True)], axis=0)


def _plaster(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 150 + _cloudy(rng, (4, 16, 128), (14, 8, 6))


def _clouds(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 120 + _cloudy(rng, (4, 8, 16, 32), (34, 20, 12, 6))


def _grass(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 120 + _cloudy(rng, (4, 32, 128, 256), (14, 14, 20, 18))


def _asphalt(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return 130 + _cloudy(rng, (4, 16, 256), (16, 6, 13))


def _planks(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    base = 130 + cv2.resize(_noise(rng, 64), None, fx=1, fy=1) * 6
    for row in range(0, TILE_SIZE, 16):
        start = int(rng.integers(0, TILE_SIZE))
        shade = np.where((np.arange(TILE_SIZE) + start) % TILE_SIZE < TILE_SIZE // 2, 1, -1)
        base[row : row + 16] += rng.normal(0, 12) + shade * rng.normal(0, 9)
        base[row] -= 34
        base[row + 1 : row + 16, [start, (start + TILE_SIZE // 2) % TILE_SIZE]] -= 34
    return base


def _tiles(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    cells = rng.normal(0, 10, (16, 16))
    base = 140 + np.kron(cells, np.ones((32, 32))) + _noise(rng, 64) * 4
    base[::32] -= 40
    base[:, ::32] -= 40
    return base


def _checks(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    odd = np.indices((16, 16)).sum(axis=0) % 2 * 60.0
    return 110 + np.kron(odd, np.ones((32, 32))) + _noise(rng, 64) * 6


def _bricks(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    base = 120 + _noise(rng, 128) * 7
    for row in range(0, TILE_SIZE, 8):
        offset = 8 * (row // 8 % 2)
        shades = np.repeat(rng.normal(0, 14, TILE_SIZE // 16), 16)
        base[row : row + 8] += np.roll(shades, offset)
        base[row] += 38
        base[row : row + 8, offset::16] += 38
    return base


def _panels(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    base = 140 + _noise(rng, 32) * 4
    base += np.repeat(rng.normal(0, 8, 32), 16)[None]
    base[:, ::16] -= 30
    return base


def _wallpaper(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    grid = np.arange(TILE_SIZE) * 2 * np.pi / 32
    return 130 + 26 * np.sign(np.sin(grid)[None] * np.sin(grid)[:, None]) + _noise(rng, 64) * 5


_MAKERS: dict[str, Callable[[np.random.Generator], npt.NDArray[np.float64]]] = {
    'plaster': _plaster,
    'clouds': _clouds,
    'grass': _grass,
    'asphalt': _asphalt,
    'planks': _planks,
    'tiles': _tiles,
    'checks': _checks,
    'bricks': _bricks,
    'panels': _panels,
    'wallpaper': _wallpaper,
}


def tile_names() -> tuple[str, ...]:
    """Names `tile` knows."""
    return tuple(_MAKERS)


@cache
def tile(name: str) -> Tile:
    """The named tile: (512, 512) uint8."""
    if name not in _MAKERS:
        raise ValueError(f'name must be one of {list(_MAKERS)}, got {name!r}')
    rng = np.random.default_rng([20200614, list(_MAKERS).index(name)])
    return np.clip(_MAKERS[name](rng), 0, 255).astype(np.uint8)


@cache
def grain() -> npt.NDArray[np.int16]:
    """Sensor noise of deviation 32, cut to the image's size where it is added: (768, 1024, 3)."""
    rng = np.random.default_rng(20200615)
    return np.round(rng.normal(0, 32, (768, 1024, 3))).astype(np.int16)
