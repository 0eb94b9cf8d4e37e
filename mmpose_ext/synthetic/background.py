"""What lies behind everything: a room with a wall and a floor, or the open air; and the shadows on the ground."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .scene_camera import SceneCamera
from .scenery import FRACTION_BITS, draw_skyline, draw_wall_things, fill_polygon, fixed_point
from .textures import PIXELS_PER_METER, TILE_SIZE, tile

__all__ = ['Room', 'cast_shadows', 'draw_background', 'sample_room']

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

_WALLS = ('plaster', 'plaster', 'bricks', 'panels', 'wallpaper', 'tiles')
_FLOORS = ('planks', 'tiles', 'checks', 'asphalt', 'plaster')
_GROUNDS = ('grass', 'asphalt', 'grass', 'tiles')


@dataclass(frozen=True)
class Room:
    """Where the image is taken.

    Attributes:
        outdoors: Sky and skyline instead of a wall.
        wall: Name of the wall's tile.
        floor: Name of the ground's tile.
        distance: Meters from the camera to the wall.
        turn: Radians by which the wall is turned about the vertical.
        wall_colors, floor_colors: (2, 3), blue, green, red of the tile's darkest and brightest gray.
    """

    outdoors: bool
    wall: str
    floor: str
    distance: float
    turn: float
    wall_colors: Array
    floor_colors: Array


def _two_tones(rng: np.random.Generator, color: Array, contrast: float) -> Array:
    return np.clip(np.stack([color * (1 - contrast), color * (1 + contrast * 0.8)]) + rng.normal(0, 5, (2, 3)), 0, 255)


def sample_room(rng: np.random.Generator, nearest: float) -> Room:
    """A random place whose wall is farther than `nearest` meters."""
    outdoors = bool(rng.random() < 0.4)
    floor = str(rng.choice(_GROUNDS if outdoors else _FLOORS))
    ground = np.full(3, rng.uniform(70, 190)) + rng.normal(0, 16, 3) + np.array([-14.0, 0, 12])
    if floor == 'grass':
        ground = np.array([60.0, 125.0, 95.0]) * rng.uniform(0.7, 1.2) + rng.normal(0, 10, 3)
    if outdoors:
        sky = np.array([215.0, 180.0, 145.0]) * rng.uniform(0.75, 1.15) + rng.normal(0, 14, 3)
        walls = np.stack([sky * 0.85, np.full(3, 244.0)])
        return Room(True, 'clouds', floor, 30.0, 0.0, np.clip(walls, 0, 255), _two_tones(rng, ground, 0.5))
    wall = np.full(3, rng.uniform(80, 215)) + rng.normal(0, 14, 3)
    return Room(
        False,
        str(rng.choice(_WALLS)),
        floor,
        nearest + rng.uniform(0.8, 3.0),
        rng.normal(0, 0.18),
        _two_tones(rng, np.clip(wall, 25, 235), rng.uniform(0.2, 0.5)),
        _two_tones(rng, np.clip(ground, 25, 235), rng.uniform(0.3, 0.6)),
    )


def draw_background(rng: np.random.Generator, camera: SceneCamera, room: Room, size: tuple[int, int]) -> Pixels:
    """The empty place: (H, W, 3) for `size` (W, H)."""
    across = np.array([np.cos(room.turn), 0, np.sin(room.turn)])
    foot = np.array([0.0, 0.0, room.distance])
    left, right = _edge(camera, foot, across, size[0])
    low, high = (int(np.clip(row, 0, size[1])) for row in (min(left, right), max(left, right) + 2))
    image = np.empty((size[1], size[0], 3), dtype=np.uint8)
    image[high:] = 0
    _plane(
        rng,
        camera,
        room.wall,
        room.wall_colors,
        (foot, across, np.array([0, -1.0, 0])),
        image[:high],
        0,
        12.0 if room.outdoors else 1.0,
    )
    if room.outdoors:
        draw_skyline(rng, camera, image)
    else:
        draw_wall_things(rng, camera, image, foot, across)
    ground = np.empty_like(image[low:])
    sides = (np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
    _plane(rng, camera, room.floor, room.floor_colors, sides, ground, low, 1.0)
    region = np.array([(-2, left), (size[0] + 2, right), (size[0] + 2, size[1] + 900), (-2, size[1] + 900)])
    mask = np.zeros(image.shape[:2], dtype=np.uint8)
    cv2.fillConvexPoly(mask, fixed_point(region), 255, cv2.LINE_8, FRACTION_BITS)
    np.copyto(image[low:], ground, where=mask[low:, :, None] > 0)
    if not room.outdoors and rng.random() < 0.7:
        board = np.array([(-2, left), (size[0] + 2, right), (size[0] + 2, right - 5), (-2, left - 5)])
        fill_polygon(image, board, rng.uniform(60, 210) + rng.normal(0, 14, 3))
    return image


def _edge(camera: SceneCamera, foot: Array, across: Array, width: int) -> tuple[float, float]:
    """Rows at which the wall meets the ground, just left and just right of the image."""
    ends = camera.project(camera.to_camera(foot + np.outer([-1.0, 1.0], across) * foot[2] * 1.6))
    slope = (ends[1, 1] - ends[0, 1]) / (ends[1, 0] - ends[0, 0])
    left, right = (float(ends[0, 1] + slope * (x - ends[0, 0])) for x in (-2.0, width + 2.0))
    return left, right


def _plane(
    rng: np.random.Generator,
    camera: SceneCamera,
    name: str,
    colors: Array,
    sides: tuple[Array, Array, Array],
    out: Pixels,
    first_row: int,
    zoom: float,
) -> None:
    """Fills `out`, the image's rows from `first_row` on, with a tiled plane given by its origin and two directions.

    Rays that miss the plane see its mirror image.
    """
    offset = rng.uniform(0, TILE_SIZE, 2)
    if len(out) == 0:
        return
    origin, along, up = sides
    shift = -camera.rotation @ (np.array([0.0, -camera.height, 0.0]) - origin)
    to_image = camera.matrix @ np.stack([camera.rotation @ along, camera.rotation @ up, shift], axis=1)
    density = PIXELS_PER_METER / zoom
    to_plane = np.array([[1 / density, 0, -offset[0] / density], [0, 1 / density, -offset[1] / density], [0, 0, 1]])
    rows = np.array([[1.0, 0, 0], [0, 1, -first_row], [0, 0, 1]])
    gray = cv2.warpPerspective(
        tile(name),
        rows @ to_image @ to_plane,
        (out.shape[1], len(out)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    steps = np.linspace(0, 1, 256)[:, None]
    table = np.clip(colors[0] * (1 - steps) + colors[1] * steps, 0, 255).astype(np.uint8)
    cv2.LUT(cv2.merge([gray, gray, gray]), table.reshape(1, 256, 3), dst=out)


def cast_shadows(image: Pixels, camera: SceneCamera, bones: Array, to_light: Array, strength: float) -> None:
    """Darkens the ground where it lies in the shadow of the bones, in place.

    Args:
        image: (H, W, 3).
        camera: Who looks.
        bones: (n, 2, 3), world frame, meters.
        to_light: (3,), unit vector to the light, world frame; y < 0.
        strength: Share of the light that the shadow takes away.
    """
    flat = bones - to_light * (bones[..., 1:2] / to_light[1])
    seen = camera.to_camera(flat)
    mask = np.zeros((image.shape[0] // 2, image.shape[1] // 2), dtype=np.uint8)
    near = seen[..., 2].min(axis=1) > 0.5
    points = fixed_point(camera.project(seen[near]) / 2)
    widths = np.maximum(np.round(camera.focal[0] * 0.13 / seen[near, 0, 2] / 2), 1).astype(int)
    for (start, end), wide in zip(points.tolist(), widths.tolist(), strict=True):
        cv2.line(mask, start, end, 255, wide, cv2.LINE_AA, FRACTION_BITS)
    soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 2.0), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    keep = cv2.convertScaleAbs(soft, alpha=-strength, beta=255.0)
    cv2.multiply(image, cv2.merge([keep, keep, keep]), dst=image, scale=1 / 255.0)
