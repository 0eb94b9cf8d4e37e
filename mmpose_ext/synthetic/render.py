"""Drawing: quads in space to anti-aliased pixels, and which quad each pixel shows.

The image is drawn at SAMPLES times its width and height. Each quad is filled, far to near, with its own NUMBER, so
one pass gives both the colors (a look-up, then averaging: anti-aliasing) and, for every sample, what it shows: the
exact source of masks and visibility. Corners keep 4 fractional bits of a sample. With an odd SAMPLES the middle
sample of a pixel is its center.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from .scene_camera import SceneCamera

__all__ = ['SAMPLES', 'Light', 'Rendered', 'Surfaces', 'join_surfaces', 'render']

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAMPLES = 3
_SHIFT = 4
_NEAR = 0.25  # meters: nothing nearer to the camera is drawn
_DECAL_PULL = 0.025  # meters by which decals come before the surface they lie on


@dataclass(frozen=True)
class Light:
    """One lamp or the sun, and the light from all round.

    Attributes:
        to_light: (3,), unit vector towards the light, world frame (y down).
        ambient, diffuse: Shares of the two, about 1 in sum.
        tint: (3,), color of the light, blue, green, red, about 1.
    """

    to_light: Array
    ambient: float
    diffuse: float
    tint: Array


@dataclass(frozen=True)
class Surfaces:
    """Quads to draw.

    Attributes:
        vertices: (V, 3), world frame, meters.
        quads: (N, 4), corners as indices of vertices, counter-clockwise seen from outside.
        colors: (N, 3), blue, green, red, 0 to 255, before lighting.
        owner: (N,), 0 for things, 1, 2, ... for people.
        facet: (N,), index in the body's mesh, -1 for things.
        two_sided, decal: (N,), see body_parts.py.
    """

    vertices: Array
    quads: Ints
    colors: Array
    owner: Ints
    facet: Ints
    two_sided: npt.NDArray[np.bool_]
    decal: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rendered:
    """A drawn image without its background.

    Attributes:
        pixels: (H, W, 4) uint8: blue, green, red times their share, and the share of the pixel that is covered.
        numbers: (SAMPLES * H, SAMPLES * W) int32, what each sample shows: 0 nothing, otherwise 1 + an index into the
            three arrays below. The buffer is used again by the next `render`.
        owner, facet: (M,), as in Surfaces.
        distance: (M,), meters from the camera to the quad's middle.
    """

    pixels: npt.NDArray[np.uint8]
    numbers: npt.NDArray[np.int32]
    owner: Ints
    facet: Ints
    distance: Array

    def masks(self, people: int) -> npt.NDArray[np.bool_]:
        """Visible silhouettes: (people, H, W), whether the center of a pixel shows person 1, 2, ..."""
        centers = self.numbers[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]
        owner = np.concatenate([[0], self.owner]).astype(np.uint8)[centers]
        return owner[None] == np.arange(1, people + 1, dtype=np.uint8)[:, None, None]

    def at(self, x: float, y: float) -> Ints:
        """Indices (into owner, facet, distance) of the quads that the 3 x 3 samples around (x, y) show."""
        column, row = (round(SAMPLES * value + (SAMPLES - 1) / 2) for value in (x, y))
        near = self.numbers[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        return near[near > 0].astype(np.int64) - 1


def join_surfaces(parts: list[Surfaces]) -> Surfaces:
    """All quads of several, in the order given."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    names = ('vertices', 'colors', 'owner', 'facet', 'two_sided', 'decal')
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    quads = np.concatenate([part.quads + start for part, start in zip(parts, starts, strict=False)])
    return Surfaces(quads=quads, **joined)


def render(surfaces: Surfaces, camera: SceneCamera, light: Light, size: tuple[int, int]) -> Rendered:
    """Draws the quads as the camera sees them.

    Args:
        surfaces: What to draw.
        camera: From where.
        light: Lighting.
        size: (W, H) of the image.
    """
    seen = camera.to_camera(surfaces.vertices)
    in_front = seen[:, 2] > _NEAR
    pixels = camera.project(np.where(in_front[:, None], seen, 1.0))
    kept, facing = _visible_quads(surfaces, pixels, in_front, size)
    quads = surfaces.quads[kept]
    first, second, third, fourth = (seen[quads[:, i]] for i in range(4))
    distance = np.linalg.norm((first + second + third + fourth) / 4, axis=1)
    normal = _cross(third - first, fourth - second)
    order = np.argsort(-(distance - _DECAL_PULL * surfaces.decal[kept]), kind='stable')
    kept, quads, distance, normal, facing = kept[order], quads[order], distance[order], normal[order], facing[order]
    shaded = _shade(surfaces.colors[kept], normal, facing, camera, light)
    numbers = _buffers(size)[0]
    numbers[:] = 0
    points = np.round((pixels * SAMPLES + (SAMPLES - 1) / 2) * (1 << _SHIFT)).astype(np.int32)[quads]
    fill = cv2.fillConvexPoly
    for number, quad in enumerate(points, start=1):
        fill(numbers, quad, number, cv2.LINE_8, _SHIFT)
    return Rendered(_average(shaded, size), numbers, surfaces.owner[kept], surfaces.facet[kept], distance)


def _average(colors: Array, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The pixels (H, W, 4) from the numbers in the buffer and the colors (M, 3) they stand for."""
    table = np.zeros((len(colors) + 1, 4), dtype=np.uint8)
    table[1:, :3], table[1:, 3] = colors, 255
    numbers, indices, samples = _buffers(size)
    averaged = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    used = np.flatnonzero(numbers[SAMPLES // 2 :: SAMPLES].any(axis=1))
    if len(used) == 0:
        return averaged
    # One row more on either side: they may be covered in part.
    first, last = max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, size[1])
    rows = slice(first * SAMPLES, last * SAMPLES)
    np.copyto(indices[rows], numbers[rows])
    np.take(table.view(np.uint32)[:, 0], indices[rows], out=samples[rows], mode='clip')
    block = samples[rows].view(np.uint8).reshape(-1, samples.shape[1], 4)
    cv2.resize(block, (size[0], last - first), dst=averaged[first:last], interpolation=cv2.INTER_AREA)
    return averaged


def _visible_quads(
    surfaces: Surfaces, pixels: Array, in_front: npt.NDArray[np.bool_], size: tuple[int, int]
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Indices of the quads to draw, and which of them turn their outside to the camera."""
    low, high = (pixels < -1), (pixels > np.array(size))
    # One bit per way of being out of sight: a quad is out when all its corners are out in the same way.
    codes = low[:, 0] | (low[:, 1] << 1) | (high[:, 0] << 2) | (high[:, 1] << 3)
    codes = np.where(in_front, codes, 16).astype(np.uint8)
    q0, q1, q2, q3 = surfaces.quads.T
    c0, c1, c2, c3 = codes[q0], codes[q1], codes[q2], codes[q3]
    turn = _turn(pixels[q0], pixels[q1], pixels[q2], pixels[q3])
    seen = ((c0 & c1 & c2 & c3) == 0) & ((c0 | c1 | c2 | c3) < 16) & ((turn < 0) | surfaces.two_sided)
    kept = np.flatnonzero(seen)
    return kept, turn[kept] < 0


def _turn(p0: Array, p1: Array, p2: Array, p3: Array) -> Array:
    """Twice the signed area of quads in the image, negative where their outside faces the camera."""
    one, other = p2 - p0, p3 - p1
    turn: Array = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return turn


def _cross(a: Array, b: Array) -> Array:
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


@lru_cache(maxsize=2)
def _buffers(size: tuple[int, int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp], npt.NDArray[np.uint32]]:
    shape = (size[1] * SAMPLES, size[0] * SAMPLES)
    return np.empty(shape, np.int32), np.empty(shape, np.intp), np.empty(shape, np.uint32)


def _shade(colors: Array, normal: Array, facing: npt.NDArray[np.bool_], camera: SceneCamera, light: Light) -> Array:
    """Lambert's law, softened so that it reaches round the edge, plus a brighter sky than ground."""
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    unit = np.where(facing[:, None], unit, -unit)
    direct = np.clip((unit @ (camera.rotation @ light.to_light) + 0.35) / 1.35, 0, 1)
    upward = unit @ (camera.rotation @ np.array([0.0, -1.0, 0.0]))
    level = light.ambient * (0.85 + 0.15 * upward) + light.diffuse * direct
    level = level * np.where(facing, 1.0, 0.55)
    return np.clip(colors * level[:, None] * light.tint, 0, 255)
