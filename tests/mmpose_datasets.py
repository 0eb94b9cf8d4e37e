"""Tiny sound datasets in the format that each of MMPose's dataset classes reads, for the configs that MMPose ships."""

import json
from pathlib import Path

import cv2
import mmpose
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmpose_ext.registry import DATASETS

CONFIGS = Path(mmpose.__file__).parent / '.mim/configs'
WIDTH, HEIGHT = 160, 120
PEOPLE = 8


def joints_in(rng, box, count):
    """(K, 2) pixels inside a box [left, top, width, height]."""
    left, top, width, height = box
    return rng.uniform((left + 4, top + 4), (left + width - 4, top + height - 4), (count, 2))


def flat(points, visible=2):
    return np.column_stack([points, np.full(len(points), visible)]).ravel().round(2).tolist()


def person_of(kind, rng, box, count):
    """The keys of an annotation that a class reads, beside id, image_id and category_id."""
    left, top, width, height = box
    points = joints_in(rng, box, count)
    center, scale = [left + width / 2, top + height / 2], max(width, height) / 200
    person = dict(bbox=box, keypoints=flat(points), num_keypoints=count, area=0.6 * width * height, iscrowd=0)
    if 'WholeBody' in kind or 'UBody' in kind:
        body = joints_in(rng, box, 17)
        person.update(keypoints=flat(body), num_keypoints=17, segmentation=[])
        for key, number in (('foot', 6), ('face', 68), ('lefthand', 21), ('righthand', 21)):
            # the visibilities of faces and hands are confidences
            person[f'{key}_kpts'] = flat(joints_in(rng, box, number), 0.3 if 'hand' in key else 1)
            person |= {f'{key}_valid': True, f'{key}_box': box}
    if any(name in kind for name in ('WFLW', 'AFLW', '300W', '300VW', 'COFW', 'Lapa')):
        person.update(center=center, scale=scale, box_size=max(width, height))
    if 'Jhmdb' in kind:
        person.update(bbox=[left + 1, top + 1, width, height])
    if 'Rhd' in kind or 'Panoptic' in kind:
        person.update(head_size=20.0)
    if 'HumanArt21' in kind:
        person.update(keypoints_21=flat(joints_in(rng, box, 21)))
    if 'Hand' in kind:
        person.update(hand_type='right', segmentation=[])
    return person


def write_coco(root, path, folder, kind, count, rng):
    images, people = [], []
    for number in range(1, PEOPLE + 1):
        name = f'{path.stem}_{number}.jpg'
        write_image(folder / name, rng)
        images.append(
            dict(
                id=10 * number,  # UBody keeps every tenth one
                file_name=name,
                width=WIDTH,
                height=HEIGHT,
                crowdIndex=0.1,
                frame_id=number,
                vid_id='1',
                is_labeled=True,
                nframes=9,
            )
        )
        box = [10 + number, 8, 100, 100]
        identity = dict(id=number, image_id=10 * number, category_id=1, track_id=1)
        people.append(person_of(kind, rng, box, count) | identity)
    content = dict(images=images, annotations=people, categories=[dict(id=1, name='person', supercategory='person')])
    path.write_text(json.dumps(content))


def write_mpii(path, folder, count, rng):
    people = []
    for number in range(PEOPLE):
        name = f'{number + 1:09d}.jpg'
        write_image(folder / name, rng)
        points = joints_in(rng, [40, 10, 90, 90], count)
        people.append(dict(image=name, center=[85.0, 55.0], scale=0.5, joints=points.tolist(), joints_vis=[1] * count))
    path.write_text(json.dumps(people))


def write_image(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (WIDTH, HEIGHT)))


def leaves(config):
    inner = config.get('datasets') or ([config.dataset] if isinstance(config.get('dataset'), dict) else [])
    return [config] if not inner else [leaf for part in inner for leaf in leaves(part)]


def simplify(config):
    """Leave out what needs packages that are not installed, and a dataset that needs files of cameras."""
    if config.get('pipeline'):
        config.pipeline = [step for step in config.pipeline if step.type != 'Albumentation']
        for step in config.pipeline:
            step.pop('backend_args', None)
    if config.get('datasets'):
        config.datasets = [one for one in config.datasets if one.type != 'InterHand2DDoubleDataset']
    for inner in [*(config.get('datasets') or ()), config.get('dataset')]:
        if isinstance(inner, dict):
            simplify(inner)


def prepare(name, folder, test=True):
    """A config of MMPose's on tiny data in a folder; the path of the changed config.

    Networks of a backbone that takes long are left as they are: the caller decides whether the model is run.
    """
    cfg = Config.fromfile(CONFIGS / name)
    init_default_scope('mmpose')
    rng = np.random.default_rng(0)
    files = {}
    loaders = [phase for phase in ('train', 'val', 'test') if cfg.get(f'{phase}_dataloader')]
    for phase in loaders:
        loader = cfg[f'{phase}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        simplify(loader.dataset)
        for leaf in leaves(loader.dataset):
            write_leaf(leaf, phase, Path(folder), files, rng)
    for phase in ('val', 'test'):
        evaluators = cfg.get(f'{phase}_evaluator')
        metrics = evaluators if isinstance(evaluators, list | tuple) else [evaluators]
        for metric in metrics:
            if metric and metric.get('ann_file'):
                metric.ann_file = str(files[metric.ann_file])
    path = Path(folder) / 'config.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items()))
    return path


def write_leaf(leaf, phase, folder, files, rng):
    """Write the files of a dataset that reads them, and let its config name them."""
    told = str(leaf.get('ann_file', ''))
    full = str(Path(leaf.get('data_root') or '') / told)
    key = f'{leaf.type} {full}'
    path = folder / f'{len(files)}_{phase}.json'
    if key not in files:
        # some classes choose their joints when they are built
        count = DATASETS.build({**leaf, 'pipeline': [], 'lazy_init': True}).metainfo['num_keypoints']
        images = folder / f'{len(files)}_{phase}'
        if leaf.type in ('MpiiDataset', 'MpiiTrbDataset'):
            write_mpii(path, images, count, rng)
        else:
            write_coco(folder, path, images, leaf.type, count, rng)
        files[key] = files[full] = files[told] = path
        files[f'{key} images'] = images
    leaf.update(data_root='', ann_file=str(files[key]), data_prefix=dict(img=str(files[f'{key} images'])))
    if leaf.get('bbox_file'):
        detections = folder / 'detections.json'
        people = json.loads(files[key].read_text())['annotations']
        boxes = [dict(image_id=p['image_id'], category_id=1, bbox=p['bbox'], score=0.9) for p in people]
        detections.write_text(json.dumps(boxes))
        leaf.bbox_file = str(detections)
    if leaf.get('headbox_file'):
        from scipy.io import savemat

        heads = folder / 'heads.mat'
        savemat(heads, dict(headboxes_src=np.stack([np.zeros((2, PEOPLE)), np.full((2, PEOPLE), 12.0)])))
        leaf.headbox_file = str(heads)
