"""Other people than those of a config's dataset, with their joints put into its order."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmpose_ext.evaluation import JointPairs

from .people import predict_people

__all__ = ['predict_other_people', 'reordered_annotations']

# names of datasets for the joints of others
_SAME = {'neck': ('neck', 'upper_neck'), 'head': ('head', 'head_top', 'top_head')}


def reordered_annotations(
    content: Mapping[str, object], joint_names: Sequence[str], padding: float = 1.0
) -> dict[str, object]:
    """Annotations in COCO's format whose joints are those of another dataset; a joint that is not there has no label.

    Args:
        content: With ``categories`` whose ``keypoints`` are the names.
        joint_names: Of the other dataset.
        padding: Factor by which boxes are enlarged on both sides.

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
            people.append(dict(annotation, keypoints=flat, num_keypoints=labeled, category_id=1, bbox=box))
    category = dict(categories[0], id=1, name='person', keypoints=list(joint_names), skeleton=[])
    return dict(content, annotations=people, categories=[category])


def _place(name: str, names: Sequence[str]) -> int | None:
    """The number of a joint among those of another dataset."""
    for candidate in _SAME.get(name, (name,)):
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
    """Predict the people of an annotation file, whose images are in its folder, in the one above, or in one beside it.

    Args:
        ann_file: In COCO's format.
        config: Of the model.
        checkpoint: Its weights.
        joint_names: Of the model.
        cfg_options: Values by dotted key, merged into the config first.
        padding: Factor by which boxes are enlarged, where the config's own boxes are larger than people.

    Raises:
        ValueError: If the file or its images are missing.
    """
    path = Path(ann_file)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"'shifts' must be annotation files in COCO's format, {ann_file} cannot be read: {error}"
        ) from error
    names = [image['file_name'] for image in content['images']]
    content = reordered_annotations(content, joint_names, padding)
    bases = path.resolve().parent, path.resolve().parent.parent
    folders = [folder for base in bases for folder in (base, *sorted(one for one in base.iterdir() if one.is_dir()))]
    folder = next((folder for folder in folders if all((folder / name).is_file() for name in names)), None)
    if folder is None:
        raise ValueError(f"'shifts' must have their images beside the annotations, got {ann_file} without {names[:1]}")
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / 'people.json').write_text(json.dumps(content), encoding='utf-8')
        options = {
            **(cfg_options or {}),
            'val_dataloader.dataset.data_root': temporary,
            'val_dataloader.dataset.ann_file': 'people.json',
            'val_dataloader.dataset.data_prefix.img': f'{folder.resolve()}/',
        }
        return predict_people(config, checkpoint, Path(temporary) / 'logs', options)[0]
