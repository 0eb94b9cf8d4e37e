"""COCO annotations of a drawn scene: keypoints, visibility, boxes, areas, and the 3D joints with the camera."""

from functools import cache

import numpy as np
import numpy.typing as npt

from .body_skeleton import COCO_JOINTS, COCO_SKELETON
from .mesh import body_mesh
from .person import Person
from .render import Rendered
from .scene_camera import SceneCamera

__all__ = ['CATEGORY', 'annotate', 'camera_entry', 'joint_visibility']

Array = npt.NDArray[np.float64]

CATEGORY = {
    'id': 1,
    'name': 'person',
    'supercategory': 'person',
    'keypoints': list(COCO_JOINTS),
    'skeleton': [list(pair) for pair in COCO_SKELETON],
}

# What one sees where a joint is visible: the parts around it (those of limbs: of its side) and how far below the
# surface the joint may lie, in meters for a person of 1.71 m.
_FLESH: dict[str, tuple[tuple[str, ...], float]] = {
    'nose': (('head', 'nose'), 0.045),
    'eye': (('head', 'eye_white', 'iris', 'brow', 'nose'), 0.045),
    'ear': (('head', 'ear'), 0.045),
    'shoulder': (('trunk', 'upper_arm'), 0.12),
    'elbow': (('upper_arm', 'forearm'), 0.10),
    'wrist': (('forearm', 'hand', 'thumb'), 0.08),
    'hip': (('trunk', 'thigh', 'skirt', 'buckle'), 0.20),
    'knee': (('thigh', 'shank', 'skirt'), 0.21),
    'ankle': (('shank', 'foot'), 0.10),
}

_SMALLEST_SIDE = 12  # pixels: people whose visible box is smaller in both directions are not annotated


@cache
def _allowed_parts(joint: str) -> tuple[frozenset[int], float]:
    side, _, kind = joint.rpartition('_')
    parts, depth = _FLESH[kind]
    wanted = {*parts, *(f'{side}_{part}' for part in parts)}
    return frozenset(i for i, name in enumerate(body_mesh().names) if name in wanted), depth


def joint_visibility(
    rendered: Rendered, camera: SceneCamera, person: Person, number: int, size: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """COCO's flags: (17,), 0 outside the image, 1 hidden by a thing, a person or the own body, 2 visible.

    A joint lies inside the body. It counts as visible when what the image shows there is the flesh or cloth around
    this joint of this person, no farther in front of the joint than that part is thick.

    Args:
        rendered: The drawn scene.
        camera: The scene's camera.
        person: Whose joints.
        number: The person's number in `rendered.owner`, from 1.
        size: (W, H) of the image. Beyond the outermost pixels' centers a joint is outside.
    """
    seen = camera.to_camera(person.joints)
    pixels = camera.project(seen)
    distance = np.linalg.norm(seen, axis=1)
    parts = body_mesh().part
    flags = np.zeros(len(COCO_JOINTS), dtype=np.int64)
    for joint, name in enumerate(COCO_JOINTS):
        x, y = pixels[joint]
        if seen[joint, 2] <= 0 or not (0 <= x <= size[0] - 1 and 0 <= y <= size[1] - 1):
            continue
        allowed, depth = _allowed_parts(name)
        limit = distance[joint] - depth * person.body.shape.scale
        shown = rendered.at(x, y)
        mine = [i for i in shown if rendered.owner[i] == number and rendered.distance[i] >= limit]
        flags[joint] = 2 if any(int(parts[rendered.facet[i]]) in allowed for i in mine) else 1
    return flags


def annotate(rendered: Rendered, camera: SceneCamera, people: list[Person], size: tuple[int, int]) -> list[dict]:
    """Annotations of the people worth one: with a visible joint and a box that is not tiny.

    Args:
        rendered: The drawn scene, in which `people` have the numbers 1, 2, ...
        camera: The scene's camera.
        people: Everybody in the scene.
        size: (W, H) of the image.

    Returns:
        COCO annotations without ids: `keypoints` (x, y, v; integers are pixel centers), `num_keypoints`, `bbox` (first
        column, first row, number of columns, number of rows of the visible silhouette) and `area` (its number of
        pixels) as COCO derives them from a mask, `iscrowd`, and beyond COCO: `keypoints_3d` (17, 3) and `root_3d` (3,)
        in the camera frame (x right, y down, z forward; meters), `camera` with `f` and `c` in pixels. Projecting
        keypoints_3d gives the keypoints, also those outside the image, whose 2D entry is 0, 0, 0.
    """
    annotations = []
    for number, (person, mask) in enumerate(zip(people, rendered.masks(len(people)), strict=True), start=1):
        box = _box(mask)
        flags = joint_visibility(rendered, camera, person, number, size)
        if not np.any(flags == 2) or max(box[2:]) < _SMALLEST_SIDE:
            continue
        seen = camera.to_camera(person.joints)
        points = np.concatenate([camera.project(seen), flags[:, None]], axis=1)
        points[flags == 0] = 0
        annotations.append(
            {
                'category_id': CATEGORY['id'],
                'keypoints': [_number(value, 3) for value in points.ravel()],
                'num_keypoints': int((flags > 0).sum()),
                'bbox': box,
                'area': int(mask.sum()),
                'iscrowd': 0,
                'keypoints_3d': [[_number(value, 5) for value in point] for point in seen],
                'root_3d': [_number(value, 5) for value in camera.to_camera(person.pelvis)],
                'camera': camera_entry(camera),
            }
        )
    return annotations


def camera_entry(camera: SceneCamera) -> dict[str, list[float]]:
    """The camera as the annotation file holds it: focal lengths `f` and principal point `c`, pixels."""
    return {'f': [_number(value, 4) for value in camera.focal], 'c': [_number(value, 4) for value in camera.center]}


def _number(value: float, digits: int) -> float | int:
    rounded = round(float(value), digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _box(mask: npt.NDArray[np.bool_]) -> list[int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return [0, 0, 0, 0]
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]
