"""Other people than those of a config's dataset, with their joints put into its order."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.evaluation.ground_truth import COCO_BOX_SHARE
from mmpose_ext.files import parse_json

from .people import predict_people

__all__ = ['predict_other_people', 'read_people', 'reordered_annotations']

# names that datasets have for one joint
_SAME = (('neck', 'upper_neck'), ('head', 'head_top', 'top_head'))
# of MPII, whose annotations name none
_MPII_JOINTS = (
    *('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'pelvis', 'thorax'),
    *('upper_neck', 'head_top', 'right_wrist', 'right_elbow', 'right_shoulder'),
    *('left_shoulder', 'left_elbow', 'left_wrist'),
)


def read_people(ann_file: str | Path) -> tuple[dict[str, object], Path]:
    """Annotations of people in COCO's format or in MMPose's format of MPII, and the folder of their images.

    Args:
        ann_file: Its images are in its folder, in the one above, or in a folder beside one of both.

    Returns:
        Annotations in COCO's format, and the first of these folders that has all images. People of MPII have the box
        of MMPose's ``MpiiDataset`` and the area of their labeled joints' extent.

    Raises:
        ValueError: If the file or an image is missing, or the file is in neither format.
    """
    path = Path(ann_file)
    try:
        content: Any = parse_json(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"'shifts' must be annotation files in COCO's or MPII's format, {ann_file} cannot be read: {error}"
        ) from error
    try:
        people = content if isinstance(content, list) else content['images']
        names = [str(one['image' if people is content else 'file_name']) for one in people]
        folder = _image_folder(path, names)
        return (_mpii_as_coco(content, folder) if people is content else content), folder
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"'shifts' must be annotation files in COCO's or MPII's format, {ann_file} has another: {error!r}"
        ) from error


def _image_folder(path: Path, names: Sequence[str]) -> Path:
    """The first of the folders around an annotation file that has all images."""
    bases = path.resolve().parent, path.resolve().parent.parent
    folders = [folder for base in bases for folder in (base, *sorted(one for one in base.iterdir() if one.is_dir()))]
    for folder in folders:
        if all((folder / name).is_file() for name in names):
            return folder
    raise ValueError(f"'shifts' must have their images beside the annotations, got {path} without {names[:1]}")


def _mpii_as_coco(people: Sequence[Mapping[str, object]], folder: Path) -> dict[str, object]:
    """People of MMPose's format of MPII: ``image``, ``center``, ``scale``, ``joints`` and ``joints_vis``."""
    numbers = {str(name): number for number, name in enumerate(dict.fromkeys(one['image'] for one in people), 1)}
    images = []
    for name, number in numbers.items():
        with Image.open(folder / name) as image:
            images.append(dict(id=number, file_name=name, width=image.width, height=image.height))
    annotations = []
    for number, person in enumerate(people, 1):
        points, labeled = np.array(person['joints'], np.float64), np.array(person['joints_vis']) > 0
        side = 200 * float(np.array(person['scale'], np.float64))  # MPII's scale is a height in 200 pixels
        # MMPose moves the box down so that no foot is cut off; places count from 1
        center = np.array(person['center'], np.float64) + np.array([0, 15 / 200 * side]) - 1
        flags = np.where(labeled, 2, 0)
        extent = np.ptp(points[labeled], axis=0) if labeled.any() else np.ones(2)
        annotations.append(
            dict(
                id=number,
                image_id=numbers[str(person['image'])],
                category_id=1,
                iscrowd=0,
                bbox=[*(center - side / 2).tolist(), side, side],
                area=max(float(extent.prod()), 1.0),
                keypoints=np.column_stack((np.where(labeled[:, None], points, 0), flags)).ravel().tolist(),
                num_keypoints=int(labeled.sum()),
            )
        )
    category = dict(id=1, name='person', keypoints=list(_MPII_JOINTS), skeleton=[])
    return dict(images=images, annotations=annotations, categories=[category])


def reordered_annotations(
    content: Mapping[str, object], joint_names: Sequence[str], padding: float = 1.0
) -> dict[str, object]:
    """Annotations in COCO's format whose joints are those of another dataset; a joint that is not there has no label.

    Args:
        content: With ``categories`` whose ``keypoints`` are the names.
        joint_names: Of the other dataset.
        padding: Factor by which boxes are enlarged on both sides.

    Returns:
        A person without an area has .53 times that of the box, as in MMPose.

    Raises:
        ValueError: If the names are missing, or none is the same.
    """
    categories, annotations = content.get('categories'), content.get('annotations')
    if not isinstance(categories, list) or not isinstance(annotations, list) or not categories:
        raise ValueError("'shifts' must be annotations in COCO's format, with categories and annotations")
    names = categories[0].get('keypoints')
    if not isinstance(names, list):
        raise ValueError("'shifts' must be annotations in COCO's format whose category names its keypoints")
    places = [_place(name, names) for name in joint_names]
    if all(place is None for place in places):
        raise ValueError(f"'shifts' must have one of the joints {', '.join(joint_names)}, got {', '.join(names)}")
    people = []
    for annotation in annotations:
        points = annotation.get('keypoints', [])
        if len(points) != 3 * len(names) or annotation.get('iscrowd', 0):
            continue
        moved = [[0, 0, 0] if place is None else points[3 * place : 3 * place + 3] for place in places]
        labeled = sum(point[2] > 0 for point in moved)
        if labeled:
            flat = [value for point in moved for value in point]
            x, y, width, height = annotation['bbox']
            box = [x - (padding - 1) / 2 * width, y - (padding - 1) / 2 * height, padding * width, padding * height]
            # CrowdPose has no areas
            area = annotation.get('area', COCO_BOX_SHARE * width * height)
            people.append(dict(annotation, keypoints=flat, num_keypoints=labeled, category_id=1, bbox=box, area=area))
    category = dict(categories[0], id=1, name='person', keypoints=list(joint_names), skeleton=[])
    return dict(content, annotations=people, categories=[category])


def _place(name: str, names: Sequence[str]) -> int | None:
    """The number of a joint among those of another dataset."""
    for candidate in (name, *(other for group in _SAME if name in group for other in group)):
        if candidate in names:
            return list(names).index(candidate)
    return None


def predict_other_people(
    ann_file: str | Path,
    config: str | Path,
    checkpoint: str | Path,
    joint_names: Sequence[str],
    cfg_options: Mapping[str, object] | None = None,
    padding: float = 1.0,
) -> JointPairs:
    """Predict the people of an annotation file, see :func:`read_people`.

    Args:
        ann_file: In COCO's format, or in MMPose's format of MPII.
        config: Of the model.
        checkpoint: Its weights.
        joint_names: Of the model.
        cfg_options: Values by dotted key, merged into the config first.
        padding: Factor by which boxes are enlarged, where the config's own boxes are larger than people.

    Raises:
        ValueError: If the file or its images are missing, or none of its joints is one of the model.
    """
    content, folder = read_people(ann_file)
    content = reordered_annotations(content, joint_names, padding)
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / 'people.json').write_text(json.dumps(content), encoding='utf-8')
        options = {
            **(cfg_options or {}),
            'val_dataloader.dataset.data_root': temporary,
            'val_dataloader.dataset.ann_file': 'people.json',
            'val_dataloader.dataset.data_prefix.img': f'{folder.resolve()}/',
        }
        return predict_people(config, checkpoint, Path(temporary) / 'logs', options)[0]
