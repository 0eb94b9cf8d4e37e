"""Composing an image: camera, people, furniture, occluders and light, all in one world."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .background import Room, sample_room
from .mesh import body_mesh
from .person import Body, Person, place, sample_body
from .props import Prop, join, sample_occluder, sample_prop, seat
from .render import Light, Surfaces, join_surfaces
from .scene_camera import SceneCamera

__all__ = ['Scene', 'SceneOptions', 'compose', 'scene_surfaces']

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SceneOptions:
    """How hard the images are.

    Attributes:
        width, height: Pixels.
        people: Shares of images with 1, 2, 3, ... people.
        tallness: Lowest and highest height of a standing person, as a share of the image's height.
        front_bias: Share of the people who roughly face the camera; the others look anywhere.
        occluder_prob: Probability per person of something standing in front.
        truncation_prob: Probability per image that the main person reaches over the border.
        clutter: Lowest and highest number of things around the people.
        noise: Lowest and highest deviation of the sensor noise, gray levels.
        blur: Lowest and highest deviation of the lens blur, pixels.
    """

    width: int = 320
    height: int = 256
    people: tuple[float, ...] = (0.70, 0.22, 0.06, 0.02)
    tallness: tuple[float, float] = (0.52, 0.88)
    front_bias: float = 0.8
    occluder_prob: float = 0.1
    truncation_prob: float = 0.08
    clutter: tuple[int, int] = (1, 5)
    noise: tuple[float, float] = (1.0, 5.0)
    blur: tuple[float, float] = (0.25, 0.75)

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 64 or max(self.width, self.height) > 768:
            raise ValueError(f'width and height must be 64 to 768, got {self.width} and {self.height}')
        if not self.people or min(self.people) < 0 or sum(self.people) <= 0:
            raise ValueError(f'people must be shares of 0 or more that are not all 0, got {self.people}')
        for name in ('front_bias', 'occluder_prob', 'truncation_prob'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} must be 0 to 1, got {getattr(self, name)}')
        for name in ('tallness', 'clutter', 'noise', 'blur'):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f'{name} must be (low, high) with 0 <= low <= high, got {(low, high)}')
        if self.tallness[0] < 0.1 or self.tallness[1] > 2:
            raise ValueError(f'tallness must be within .1 and 2, got {self.tallness}')


@dataclass(frozen=True)
class Scene:
    """Everything one image shows."""

    camera: SceneCamera
    light: Light
    room: Room
    people: list[Person]
    things: list[Prop]


def compose(rng: np.random.Generator, options: SceneOptions) -> Scene:
    """A random scene."""
    shares = np.array(options.people) / sum(options.people)
    count = 1 + int(rng.choice(len(shares), p=shares))
    bodies = [sample_body(rng) for _ in range(count)]
    focal = options.width * rng.uniform(0.95, 1.5)
    camera, depth, aim = _aim(rng, options, focal, bodies[0], count)
    people = _place(rng, options, camera, depth, aim, bodies)
    farthest = max(person.pelvis[2] for person in people)
    things = [thing for person in people for thing in _around(rng, options, camera, person)]
    room = sample_room(rng, farthest + 0.6)
    for _ in range(int(rng.integers(options.clutter[0], options.clutter[1] + 1))):
        z = farthest + rng.uniform(0.55, min(room.distance - farthest, 4.0))
        x = (rng.uniform(0, options.width) - camera.center[0]) / focal * z
        things.append(sample_prop(rng, x, z, room.outdoors))
    return Scene(camera, _light(rng, room), room, people, things)


def _aim(
    rng: np.random.Generator, options: SceneOptions, focal: float, main: Body, count: int
) -> tuple[SceneCamera, float, float]:
    """The camera, the main person's distance along z and the column where that person stands."""
    low, high = options.tallness
    tall = rng.uniform(low, high if count == 1 else low + 0.7 * (high - low)) * options.height
    depth = max(focal * main.shape.stature / tall, 1.5)
    low_edge, high_edge = main.vertices[:, 1].min(), main.vertices[:, 1].max()
    middle = (high_edge - low_edge) / 2
    row = options.height * rng.normal(0.52, 0.04)
    column = options.width * rng.uniform(0.3, 0.7)
    if rng.random() < options.truncation_prob:
        if rng.random() < 0.5:
            depth = max(depth * rng.uniform(0.55, 0.75), 1.2)
            row = options.height * rng.choice([0.25, 0.5, 0.78])
        else:
            column = options.width * rng.choice([rng.uniform(-0.02, 0.08), rng.uniform(0.92, 1.02)])
    height = rng.uniform(0.7, 1.8) if rng.random() < 0.8 else rng.uniform(1.8, 2.8)
    center = ((options.width - 1) / 2 + rng.normal(0, 2), (options.height - 1) / 2 + rng.normal(0, 2))
    pitch = float(np.arctan2(height - middle, depth) - np.arctan((row - center[1]) / focal))
    camera = SceneCamera((focal, focal), center, height, pitch, float(np.clip(rng.normal(0, 0.02), -0.05, 0.05)))
    return camera, depth, column


def _place(
    rng: np.random.Generator,
    options: SceneOptions,
    camera: SceneCamera,
    depth: float,
    column: float,
    bodies: list[Body],
) -> list[Person]:
    """Puts the first at its column, the others beside, each at a distance from everyone already there."""
    people: list[Person] = []
    for index, body in enumerate(bodies):
        for _ in range(8):
            z = depth if index == 0 else depth * rng.uniform(0.9, 1.7)
            u = column if index == 0 else options.width * rng.uniform(0.08, 0.92)
            x = float((u - camera.center[0]) / camera.focal[0] * z)
            gap = [np.hypot(x - other.pelvis[0], z - other.pelvis[2]) for other in people]
            far = [abs(u - camera.project(camera.to_camera(other.pelvis))[0]) for other in people]
            apart = min(gap, default=9.0) > (1.3 if body.pose.kind == 'lying' else 0.7)
            if apart and min(far, default=999.0) > 0.11 * options.width:
                people.append(place(body, x, z, _yaw(rng, options), _lift(rng, body)))
                break
    return people


def _yaw(rng: np.random.Generator, options: SceneOptions) -> float:
    towards = rng.random() < options.front_bias
    return float(rng.normal(0, 0.6) if towards else rng.uniform(-np.pi, np.pi))


def _lift(rng: np.random.Generator, body: Body) -> float:
    return float(rng.uniform(0.05, 0.4)) if body.pose.kind == 'jumping' else 0.0


def _around(rng: np.random.Generator, options: SceneOptions, camera: SceneCamera, person: Person) -> list[Prop]:
    """The seat below a sitting person, and now and then something in front."""
    things = []
    x, z = float(person.pelvis[0]), float(person.pelvis[2])
    if person.body.pose.kind == 'sitting':
        size = person.body.shape.scale * person.body.shape.limb_girth
        height = max(float(-person.pelvis[1]) - 0.105 * size, 0.1)
        things.append(
            seat(rng, x + 0.03 * float(np.sin(person.yaw)), z - 0.03 * float(np.cos(person.yaw)), height, person.yaw)
        )
    if rng.random() < options.occluder_prob:
        nearer = z - rng.uniform(0.6, 0.95)
        if nearer > 0.9:
            aside = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 0.45)
            things.append(sample_occluder(rng, x * nearer / z + aside, nearer))
    return things


def _light(rng: np.random.Generator, room: Room) -> Light:
    azimuth, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.25)
    to_light = np.array([np.cos(azimuth) * np.cos(rise), -np.sin(rise), -abs(np.sin(azimuth)) * np.cos(rise)])
    ambient = rng.uniform(0.42, 0.62)
    warm = rng.normal(0, 0.04 if room.outdoors else 0.06)
    return Light(to_light, ambient, rng.uniform(0.95, 1.2) - ambient, np.array([1 - warm, 1.0, 1 + warm]))


def scene_surfaces(scene: Scene) -> Surfaces:
    """Everything of a scene that has a surface, people numbered from 1."""
    mesh = body_mesh()
    parts = []
    for number, person in enumerate(scene.people, start=1):
        facets = person.facets
        owner = np.full(len(facets), number)
        parts.append(
            Surfaces(
                person.vertices,
                mesh.quads[facets],
                person.body.appearance.colors[facets],
                owner,
                facets,
                mesh.two_sided[facets],
                mesh.decal[facets],
            )
        )
    if scene.things:
        things = join(scene.things)
        count = len(things.corners)
        no, quads = np.zeros(count, dtype=bool), np.arange(4 * count).reshape(-1, 4)
        parts.append(
            Surfaces(
                things.corners.reshape(-1, 3),
                quads,
                things.colors,
                np.zeros(count, dtype=np.int64),
                np.full(count, -1),
                no,
                no,
            )
        )
    return join_surfaces(parts)
