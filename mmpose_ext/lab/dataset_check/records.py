"""The annotations of a file as arrays, as they are written there: before MMPose drops or clips anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ['Records', 'from_coco', 'from_mpii']


@dataclass(frozen=True)
class Records:
    """M images and N people with K joints. What a file does not tell is NaN, or -1 for whole numbers.

    Args:
        file_names: M names below the folder of images.
        sizes: (M, 2) widths and heights of the images in pixels.
        image: (N,) the image of each person, an index into the former two.
        boxes: (N, 4) left, top, right, bottom in pixels.
        keypoints: (N, K, 2) in pixels, x first.
        visible: (N, K), 0 for a joint without a label.
        areas: (N,) in square pixels.
        crowd: (N,) marks of a group instead of a person.
        num_keypoints: (N,) the file's own count of labeled joints.
        image_ids: M identities of the images.
        categories: The categories that the file defines.
        joint_names: K names that it gives to the joints; empty if it gives none.
    """

    file_names: Sequence[str]
    sizes: np.ndarray
    image: np.ndarray
    boxes: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    num_keypoints: np.ndarray
    image_ids: Sequence[Any]
    categories: Sequence[Mapping[str, Any]] = ()
    joint_names: Sequence[str] = ()

    @property
    def labeled(self) -> np.ndarray:
        """(N, K) bool: joints with a label."""
        return self.visible > 0

    @property
    def person_sizes(self) -> np.ndarray:
        """(N, 2) width and height of each person's image."""
        return self.sizes[self.image]


def from_coco(content: Mapping[str, Any]) -> Records:
    """Annotations in COCO's format.

    People without a box or joints, with another number of joints than most, or in an image that is not listed are
    left out, as they fit into no array: ``check_coco_structure`` reports them.

    Args:
        content: What the json file holds; its required keys must be there.
    """
    images = content['images']
    index = {image['id']: place for place, image in enumerate(images)}
    people = [
        person
        for person in content['annotations']
        if person.get('image_id') in index
        and _is_vector(person.get('bbox'), 4)
        and isinstance(person.get('keypoints'), list)
    ]
    lengths = Counter(len(person['keypoints']) for person in people)
    length = lengths.most_common(1)[0][0] // 3 * 3 if lengths else 0
    people = [person for person in people if _is_vector(person['keypoints'], length)]
    joints = _array([person['keypoints'] for person in people], -1, length // 3, 3, count=len(people))
    boxes = _array([person['bbox'] for person in people], -1, 4, count=len(people))
    boxes[:, 2:] += boxes[:, :2]
    categories = content.get('categories') or ()
    used = {person.get('category_id') for person in people}
    names: list[Any] = next((c['keypoints'] for c in categories if c.get('keypoints') and c.get('id') in used), [])
    return Records(
        file_names=[str(image['file_name']) for image in images],
        sizes=_array([[_number(i.get('width')), _number(i.get('height'))] for i in images], -1, 2, count=len(images)),
        image=np.array([index[person['image_id']] for person in people], int),
        boxes=boxes,
        keypoints=joints[..., :2],
        visible=joints[..., 2],
        areas=np.array([_number(person.get('area')) for person in people], float),
        crowd=np.array([bool(person.get('iscrowd', 0)) for person in people], bool),
        num_keypoints=np.array([person.get('num_keypoints', -1) for person in people], int),
        image_ids=[image['id'] for image in images],
        categories=categories,
        joint_names=[str(name) for name in names],
    )


def from_mpii(content: Sequence[Mapping[str, Any]]) -> Records:
    """Annotations in MMPose's format of MPII: one entry per person, without sizes of images.

    Args:
        content: What the json file holds; its required keys must be there.
    """
    names = list(dict.fromkeys(str(person['image']) for person in content))
    index = {name: place for place, name in enumerate(names)}
    lengths = Counter(len(person['joints']) for person in content)
    count = lengths.most_common(1)[0][0] if lengths else 0
    people = [person for person in content if len(person['joints']) == len(person['joints_vis']) == count]
    keypoints = _array([person['joints'] for person in people], -1, count, 2, count=len(people))
    centers = _array([person['center'] for person in people], -1, 2, count=len(people))
    # the scale is the person's height in units of 200 pixels, the box a square around the center
    half = 100 * np.array([_number(person['scale']) for person in people], float)[:, None]
    total = len(people)
    return Records(
        file_names=names,
        sizes=np.full((len(names), 2), np.nan),
        image=np.array([index[str(person['image'])] for person in people], int),
        boxes=np.concatenate([centers - half, centers + half], 1),
        keypoints=keypoints,
        visible=_array([person['joints_vis'] for person in people], -1, count, count=total),
        areas=np.full(total, np.nan),
        crowd=np.zeros(total, bool),
        num_keypoints=np.full(total, -1),
        image_ids=names,
    )


def _array(rows: list[Any], *shape: int, count: int) -> np.ndarray:
    """Rows as float64 of a shape; None becomes NaN."""
    return np.array(rows, float).reshape(count, *shape[1:])


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _is_vector(value: Any, length: int) -> bool:
    """Whether a value is a list of so many numbers; None counts as NaN."""
    return (
        isinstance(value, list)
        and len(value) == length
        and all(item is None or isinstance(item, int | float) for item in value)
    )
