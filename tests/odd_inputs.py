"""Points, maps and weights as no sound network or dataset makes them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

NAN, INF = math.nan, math.inf
ODD = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 1e200, -1e200, 1e38, -3e38, 7e4, 1e-40, 1e-320, NAN, INF, -INF])
WEIGHTS = np.array([0.0, -0.0, 1.0, 1.0, 0.3, 1e-30, -1.0, NAN, INF, -INF])


def pick(rng: np.random.Generator, choices: Sequence) -> Any:
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def odd_points(rng: np.random.Generator, count: int, axes: int, size: Sequence[float]) -> np.ndarray:
    """Points (count, axes): inside, at borders and halves of a pixel, outside, and with odd numbers."""
    size = np.array(size, float)[:axes]
    inside = rng.random((count, axes)) * size
    border = np.stack([rng.choice([0.0, -0.0, -1e-6, side, side - 1, side - 0.5, side / 2], count) for side in size], 1)
    rounded = np.round(inside * 2) / 2
    outside = (rng.random((count, axes)) * 7 - 3) * size
    odd = np.where(rng.random((count, axes)) < 0.5, rng.choice(ODD, (count, axes)), inside)
    kinds = np.stack([inside, border, rounded, outside, odd])
    return kinds[rng.integers(len(kinds), size=count), np.arange(count)]


# kinds of maps, made of normal noise, a Gaussian, one cell with a 1, a constant from 0 to 1, and an odd constant
_MAPS = (
    lambda noise, peak, cell, flat, odd: noise,
    lambda noise, peak, cell, flat, odd: flat,
    lambda noise, peak, cell, flat, odd: 0 * noise,
    lambda noise, peak, cell, flat, odd: -abs(noise),
    lambda noise, peak, cell, flat, odd: noise * 1e38,
    lambda noise, peak, cell, flat, odd: abs(noise) * 1e-42,
    lambda noise, peak, cell, flat, odd: noise * 1e4,
    lambda noise, peak, cell, flat, odd: np.round(noise),  # plateaus
    lambda noise, peak, cell, flat, odd: noise > 1,
    lambda noise, peak, cell, flat, odd: cell,
    lambda noise, peak, cell, flat, odd: cell * 6e4,
    lambda noise, peak, cell, flat, odd: cell - 1,
    lambda noise, peak, cell, flat, odd: peak,
    lambda noise, peak, cell, flat, odd: 1e-30 * peak,
    lambda noise, peak, cell, flat, odd: odd,
    lambda noise, peak, cell, flat, odd: np.where(cell > 0, odd, noise),
    lambda noise, peak, cell, flat, odd: np.where(cell > 0, odd, peak),
    lambda noise, peak, cell, flat, odd: np.where(noise > 1, odd, noise),
)


def odd_maps(rng: np.random.Generator, count: int, shape: Sequence[int]) -> np.ndarray:
    """Maps or volumes (count, *shape) of many kinds, float64."""
    noise = rng.standard_normal((count, *shape))
    flat = rng.random((count, *(1 for _ in shape)))
    axes = np.meshgrid(*(np.arange(side) for side in shape), indexing='ij')
    centers = [rng.random(flat.shape) * side for side in shape]
    peaks = np.exp(-sum((axis - center) ** 2 for axis, center in zip(axes, centers, strict=True)) / 4)
    edge = np.zeros_like(noise)
    sides = [rng.integers(side, size=count) for side in shape]
    sides[-1] *= rng.integers(2, size=count)  # in the first column every second time
    edge[(np.arange(count), *sides)] = 1.0
    odd = rng.choice(ODD, flat.shape)
    chosen, maps = rng.integers(len(_MAPS), size=count), np.empty_like(noise)
    for number, make in enumerate(_MAPS):
        these = chosen == number
        maps[these] = make(noise[these], peaks[these], edge[these], flat[these], odd[these])
    return maps


def odd_strides(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """The same numbers in another place: reversed, spread, or with the axes in another order."""
    spread = np.repeat(array, 2, 1)[:, ::2]
    return pick(rng, [array, array[:, ::-1].copy()[:, ::-1], spread, np.asfortranarray(array)])
