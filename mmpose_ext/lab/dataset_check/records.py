"""The annotations of a dataset as arrays: as a file holds them, or as MMPose has read them."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .coco_file import is_number, is_vector
from .identifiers import as_key, is_whole

__all__ = ['Records', 'from_coco', 'from_mpii', 'from_samples', 'is_labeled']


def is_labeled(visible: np.ndarray) -> np.ndarray:
    """Which joints the heads take for labeled: visibility > 0. -1, NaN and infinity are no label."""
    with np.errstate(invalid='ignore'):
        labeled: np.ndarray = np.isfinite(visible) & (visible > 0)
    return labeled


@dataclass(frozen=True)
class Records:
    """M images and N people with K joints. What a file does not tell is NaN, or -1 for integers.

    Args:
        file_names: M names below the folder of images.
        sizes: (M, 2) widths and heights of the images in pixels.
        image: (N,) the image of each person, an index into the former two.
        boxes: (N, 4) left, top, right, bottom in pixels.
        keypoints: (N, K, 2) in pixels, x first.
        visible: (N, K), > 0 for a labeled joint.
        areas: (N,) in square pixels.
        crowd: (N,) marks of a group instead of a person.
        num_keypoints: (N,) the file's own count of labeled joints.
        image_ids: M identities of the images.
        category_ids: N identities of the people's categories.
        categories: Names of the categories that the file defines, by identity.
        joint_names: K names that the file gives to the joints; empty if it gives none.
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
    image_ids: Sequence[Hashable]
    category_ids: Sequence[Hashable] = ()
    categories: Mapping[Hashable, str] | None = None
    joint_names: Sequence[str] = ()

    @property
    def labeled(self) -> np.ndarray:
        """(N, K) bool: joints with a label."""
        return is_labeled(self.visible)

    @property
    def person_sizes(self) -> np.ndarray:
        """(N, 2) width and height of each person's image."""
        sizes: np.ndarray = self.sizes[self.image]
        return sizes


def from_coco(content: Mapping[str, Sequence[Mapping[str, object]]]) -> Records:
    """Annotations in COCO's format.

    People without a box or joints, with another number of joints than most, or in an image that is not listed are
    left out, as they fit into no array: ``check_coco_file`` reports them.

    Args:
        content: What the JSON file holds; its required keys must be there.
    """
    images, categories = content['images'], content.get('categories') or ()
    index = {as_key(image.get('id')): place for place, image in enumerate(images)}
    people = [
        person
        for person in content['annotations']
        if as_key(person.get('image_id')) in index
        and is_vector(person.get('bbox'), 4)
        and is_vector(person.get('keypoints'))
    ]
    lengths = Counter(len(_list(person['keypoints'])) for person in people)
    length = lengths.most_common(1)[0][0] // 3 * 3 if lengths else 0
    people = [person for person in people if len(_list(person['keypoints'])) == length]
    joints = np.array([person['keypoints'] for person in people], float).reshape(len(people), length // 3, 3)
    boxes = np.array([person['bbox'] for person in people], float).reshape(len(people), 4)
    boxes[:, 2:] += boxes[:, :2]
    used = {as_key(person.get('category_id')) for person in people}
    lists = [_list(one.get('keypoints')) for one in categories if as_key(one.get('id')) in used]
    return Records(
        file_names=[str(image.get('file_name')) for image in images],
        sizes=np.array([[_number(image.get(side)) for side in ('width', 'height')] for image in images], float),
        image=np.array([index[as_key(person.get('image_id'))] for person in people], int),
        boxes=boxes,
        keypoints=joints[..., :2],
        visible=joints[..., 2],
        areas=np.array([_number(person.get('area')) for person in people], float),
        crowd=np.array([bool(person.get('iscrowd', 0)) for person in people], bool),
        num_keypoints=np.array([_count(person.get('num_keypoints')) for person in people], int),
        image_ids=[as_key(image.get('id')) for image in images],
        category_ids=[as_key(person.get('category_id')) for person in people],
        categories={as_key(one.get('id')): str(one.get('name')) for one in categories},
        joint_names=[str(name) for name in next((names for names in lists if names), ())],
    )


def from_mpii(content: Sequence[Mapping[str, Sequence[object]]]) -> Records:
    """Annotations in MMPose's format of MPII: one entry per person, without sizes of images.

    Args:
        content: What the JSON file holds; its required keys must be there.
    """
    names = list(dict.fromkeys(str(person['image']) for person in content))
    index = {name: place for place, name in enumerate(names)}
    lengths = Counter(len(person['joints']) for person in content)
    count = lengths.most_common(1)[0][0] if lengths else 0
    people = [person for person in content if len(person['joints']) == len(person['joints_vis']) == count]
    total = len(people)
    centers = np.array([person['center'] for person in people], float).reshape(total, 2)
    # the scale is the person's height in units of 200 pixels, the box a square around the center
    half = 100 * np.array([_number(person['scale']) for person in people], float)[:, None]
    return Records(
        file_names=names,
        sizes=np.full((len(names), 2), np.nan),
        image=np.array([index[str(person['image'])] for person in people], int),
        boxes=np.concatenate([centers - half, centers + half], 1),
        keypoints=np.array([person['joints'] for person in people], float).reshape(total, count, 2),
        visible=np.array([person['joints_vis'] for person in people], float).reshape(total, count),
        areas=np.full(total, np.nan),
        crowd=np.zeros(total, bool),
        num_keypoints=np.full(total, -1),
        image_ids=names,
    )


def from_samples(samples: Sequence[Mapping[str, object]]) -> Records | None:
    """The people of any dataset class, as its pipeline receives them; None if they are not one person of an image each.

    Args:
        samples: The data list of one of MMPose's datasets for top-down models.
    """
    wanted = {'img_path', 'bbox', 'keypoints', 'keypoints_visible'}
    if not samples or not all(wanted <= sample.keys() and isinstance(sample['img_path'], str) for sample in samples):
        return None
    points = [np.asarray(sample['keypoints'], float) for sample in samples]
    flags = [np.asarray(sample['keypoints_visible'], float) for sample in samples]
    if {one.shape for one in points} != {(1, *points[0].shape[1:])} or len({one.shape for one in flags}) != 1:
        return None
    names = list(dict.fromkeys(str(sample['img_path']) for sample in samples))
    index = {name: place for place, name in enumerate(names)}
    visible = np.concatenate(flags)
    return Records(
        file_names=names,
        sizes=np.full((len(names), 2), np.nan),
        image=np.array([index[str(sample['img_path'])] for sample in samples], int),
        boxes=np.array([np.asarray(sample['bbox'], float).reshape(-1)[:4] for sample in samples]),
        keypoints=np.concatenate(points)[..., :2],
        visible=visible[..., 0] if visible.ndim == 3 else visible,
        areas=np.full(len(samples), np.nan),
        crowd=np.array([np.asarray(sample.get('iscrowd', 0)).any() for sample in samples], bool),
        num_keypoints=np.full(len(samples), -1),
        image_ids=names,
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and is_number(value) else np.nan


def _count(value: object) -> int:
    """A count that is a sensible integer, or -1."""
    return value if isinstance(value, int) and is_whole(value) and 0 <= value < 2**31 else -1


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
