"""tools/misc/check_dataset.py: a healthy dataset passes, and every fault seeded into it is named."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from copy import deepcopy
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from scipy.io import savemat
from user_codecs import registered

from mmpose_ext.lab.dataset_check import Finding, check_dataset, format_findings, has_errors
from mmpose_ext.lab.dataset_check.codec import build_codec, check_codec, encode_decode
from mmpose_ext.lab.dataset_check.joints import check_left_right
from mmpose_ext.lab.dataset_check.metainfo import check_metainfo, mirrored_name
from mmpose_ext.lab.dataset_check.records import from_coco

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / 'configs/dark/dark_res18_1xb32-10e_synthetic-128x96.py'
TOOL = ROOT / 'tools/misc/check_dataset.py'
WIDTH, HEIGHT = 160, 120
JOINTS = {  # of a person seen from the front, in widths and heights of the box
    'nose': (0.5, 0.1),
    'left_eye': (0.55, 0.07),
    'right_eye': (0.45, 0.07),
    'left_ear': (0.6, 0.09),
    'right_ear': (0.4, 0.09),
    'left_shoulder': (0.7, 0.25),
    'right_shoulder': (0.3, 0.25),
    'left_elbow': (0.8, 0.4),
    'right_elbow': (0.2, 0.4),
    'left_wrist': (0.85, 0.55),
    'right_wrist': (0.15, 0.55),
    'left_hip': (0.62, 0.55),
    'right_hip': (0.38, 0.55),
    'left_knee': (0.64, 0.75),
    'right_knee': (0.36, 0.75),
    'left_ankle': (0.66, 0.95),
    'right_ankle': (0.34, 0.95),
}


# ---------------------------------------------------------------------------------------------
# a small healthy dataset, its config, and ways to spoil both


def annotations(images, first_id, rng):
    """COCO's format: two people in every image."""
    images = [
        dict(id=first_id + i, file_name=f'{first_id + i:06d}.jpg', width=WIDTH, height=HEIGHT) for i in range(images)
    ]
    people = []
    for image in images:
        for left in (8, 84):
            left, top = left + rng.uniform(0, 8), rng.uniform(2, 12)
            width, height = rng.uniform(48, 60), rng.uniform(90, 104)
            points = np.array([*JOINTS.values()]) * (width, height) + (left, top) + rng.uniform(-1, 1, (17, 2))
            flags = rng.choice([1, 2], 17)
            flags[rng.integers(17)] = 0
            points[flags == 0] = 0
            people.append(
                dict(
                    id=len(people) + 1,
                    image_id=image['id'],
                    category_id=1,
                    bbox=[left, top, width, height],
                    keypoints=np.column_stack([points, flags]).ravel().tolist(),
                    num_keypoints=16,
                    area=0.6 * width * height,
                    iscrowd=0,
                )
            )
    categories = [dict(id=1, name='person', keypoints=[*JOINTS])]
    return dict(images=images, annotations=people, categories=categories)


def draw(content, folder, seed):
    """The images of annotations: dots for joints on a background of its own for each image."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for image in content['images']:
        pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (WIDTH, HEIGHT))
        for person in content['annotations']:
            if person['image_id'] == image['id']:
                for x, y, flag in np.reshape(person['keypoints'], (-1, 3)):
                    if flag:
                        cv2.circle(pixels, (int(x), int(y)), 3, (0, 255, 0), -1)
        cv2.imwrite(str(folder / image['file_name']), pixels)


class World:
    """A dataset in a folder with a config for it, changed by tests before it is checked."""

    def __init__(self, root, monkeypatch):
        rng = np.random.default_rng(0)
        self.root = root
        self.train, self.val = annotations(20, 1, rng), annotations(6, 101, rng)
        self.detections = None
        self.texts = {}  # what to write instead of a file's own content
        monkeypatch.setenv('SYNTHETIC_ROOT', str(root))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            self.cfg = Config.fromfile(CONFIG)
        self.cfg.model.backbone.base_channels = 8  # a small network: these tests are about data
        self.cfg.model.head.update(in_channels=64, deconv_out_channels=(8, 8, 8))
        for phase in ('train', 'val', 'test'):
            self.dataset(phase).serialize_data = False  # which collects garbage, for longer than all else takes
        self.path = {name: root / 'annotations' / f'person_keypoints_{name}.json' for name in ('train', 'val')}
        self.path['detections'] = root / 'detections.json'
        draw(self.train, root / 'train', 0)
        draw(self.val, root / 'val', 1)

    @property
    def head(self):
        return self.cfg.model.head

    def dataset(self, phase):
        return self.cfg[f'{phase}_dataloader'].dataset

    def pipeline(self, phase):
        return self.dataset(phase).pipeline

    def step(self, phase, name):
        return next(step for step in self.pipeline(phase) if step.type == name)

    def both(self, **changes):
        """Change the dataset of val and of test, and their evaluators' file stays."""
        for phase in ('val', 'test'):
            self.dataset(phase).update(changes)

    def detect(self, **changes):
        """Evaluate with detected boxes: the true ones."""
        self.detections = [
            dict(dict(image_id=p['image_id'], category_id=1, bbox=list(p['bbox']), score=0.9), **changes)
            for p in self.val['annotations']
        ]
        self.both(bbox_file=str(self.path['detections']))

    def metainfo(self, change):
        """Give the training a metainfo of its own: COCO's, changed."""
        info = deepcopy(coco_metainfo())
        change(info)
        self.dataset('train').metainfo = info
        return info

    def check(self, **options):
        for name, content in (('train', self.train), ('val', self.val), ('detections', self.detections)):
            if content is not None:
                self.path[name].parent.mkdir(exist_ok=True)
                self.path[name].write_text(self.texts.get(name) or json.dumps(content))
        # not by Config.dump, which takes as long as the check and sorts a metainfo's joints by text: 0, 1, 10, 11
        lines = [f'{name} = {value!r}' for name, value in self.cfg.to_dict().items()]
        (self.root / 'config.py').write_text('\n'.join(lines))
        return check_dataset(str(self.root / 'config.py'), **{'samples': 12, **options})


def coco_metainfo():
    path = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets/coco.py'
    return Config.fromfile(path).dataset_info.to_dict()


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def people(content, change, every=1):
    """Apply a change to (the dictionary of) every so many people."""
    for person in content['annotations'][::every]:
        change(person)


def joints(content, change, every=1):
    """Change the joints (K, 3) of people in place."""

    def apply(person):
        points = np.reshape(person['keypoints'], (-1, 3)).astype(float)
        person['keypoints'] = np.asarray(change(points)).ravel().tolist()

    people(content, apply, every)


def put(array, index, value):
    array[index] = value
    return array


# ---------------------------------------------------------------------------------------------
# faults: a change of the world, and the finding it must lead to


def scale_joints(points):
    return points / (WIDTH, HEIGHT, 1)


def permute_category(w):
    names = w.train['categories'][0]['keypoints']
    names[1], names[2] = names[2], names[1]


def rename_images(w):
    for path in (w.root / 'train').iterdir():
        path.rename(path.with_suffix('.JPEG'))


def remove_train_folder(w):
    shutil.rmtree(w.root / 'train')


def resize_images(w):
    for path in (w.root / 'train').iterdir():
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (WIDTH // 2, HEIGHT // 2)))


def copy_train_to_val(w):
    for image, source in zip(w.val['images'], w.train['images'], strict=False):
        image['file_name'] = source['file_name']
        shutil.copy(w.root / 'train' / source['file_name'], w.root / 'val')


def train_on_val(w):
    w.dataset('train').update(ann_file=w.dataset('val').ann_file, data_prefix=dict(img='val/'))


def swap_pair(w):
    joints(w.train, lambda points: points[[0, 1, 2, 3, 4, 6, 5, *range(7, 17)]])


def generate_target(w, **changes):
    codec = dict(w.head.decoder)
    w.pipeline('train').insert(-1, dict(type='GenerateTarget', encoder={**codec, **changes}))


def weight_targets(w):
    generate_target(w)
    w.pipeline('train')[-2]['use_dataset_keypoint_weights'] = True


def mmpose_head(w):
    w.head.type = 'HeatmapHead'


def old_codec(w):
    decoder = w.head.decoder
    w.head.decoder = dict(
        type='MSRAHeatmap', input_size=decoder.input_size, heatmap_size=decoder.heatmap_size, sigma=1.0
    )


def swap_steps(w):
    steps = w.pipeline('train')
    steps[1], steps[-2] = steps[-2], steps[1]


def mutual(info, one, other):
    info['keypoint_info'][one]['swap'] = info['keypoint_info'][other]['name']


def cross(info):
    """Left eye with right ear and right eye with left ear: mutual, a permutation, and wrong."""
    for one, other in ((1, 4), (4, 1), (2, 3), (3, 2)):
        mutual(info, one, other)


def reorder_keys(info):
    """What MMEngine's Config.dump does to a metainfo that is written into the config itself."""
    joint_info = info['keypoint_info']
    info['keypoint_info'] = {k: joint_info[k] for k in [1, 0, *range(2, 17)]}


def detect_corners(w):
    w.detect()
    for box in w.detections:
        box['bbox'] = [80, 60, 4, 4]


FAULTS = {
    # files
    'annotation file missing': (
        lambda w: w.dataset('train').update(ann_file='annotations/persons.json'),
        ('error', 'missing-file', 'train', 'annotation file: .*persons.json does not exist; .*annotations does'),
    ),
    'images folder missing': (remove_train_folder, ('error', 'missing-file', 'train', 'folder of images')),
    'image missing': (
        lambda w: (w.root / 'train/000003.jpg').unlink(),
        ('error', 'images', 'train', '1 of 20 images are missing, e.g. .*000003.jpg'),
    ),
    'images of another suffix': (rename_images, ('error', 'images', 'train', '20 of 20', 'differ in suffix')),
    'empty image': (
        lambda w: [path.write_bytes(b'') for path in (w.root / 'val').iterdir()],
        ('error', 'unreadable-image', 'val', '6 of 6 images cannot be read'),
    ),
    'images resized': (resize_images, ('error', 'image-size', 'train', 'is 80 x 60, not 160 x 120')),
    'bbox file missing': (
        lambda w: w.both(bbox_file='boxes.json'),
        ('error', 'missing-file', 'val', 'bbox_file: boxes.json does not exist'),
    ),
    'json cut off': (
        lambda w: w.texts.update(train=json.dumps(w.train)[:5000]),
        ('error', 'json', 'train', 'is not JSON'),
    ),
    'json of another format': (
        lambda w: w.texts.update(train='[{"joints": [], "image": "1.jpg"}]'),
        ('error', 'json', 'train', 'a list, not a dictionary', 'MpiiDataset'),
    ),
    'no categories': (lambda w: w.train.pop('categories'), ('error', 'json', 'train', "no list 'categories'")),
    'no people': (
        lambda w: w.train['annotations'].clear(),
        ('error', 'json', 'train', '20 images and 0 annotations'),
    ),
    'no width': (
        lambda w: [image.pop('width') for image in w.train['images']],
        ('error', 'json', 'train', "20 of 20 images have no 'width'"),
    ),
    'no keypoints key': (
        lambda w: people(w.train, lambda p: p.pop('keypoints'), 4),
        ('warning', 'dropped-people', 'train', "10 of 40 annotations have no 'keypoints'"),
    ),
    'uneven keypoints': (
        lambda w: people(w.train, lambda p: p['keypoints'].append(0), 4),
        ('error', 'keypoints', 'train', '10 of 40 .* no multiple of 3'),
    ),
    'box of three numbers': (
        lambda w: people(w.train, lambda p: p['bbox'].pop(), 4),
        ('error', 'box', 'train', '10 of 40 annotations must be a list of 4 numbers'),
    ),
    'image ids twice': (
        lambda w: w.train['images'][1].update(id=1),
        ('error', 'ids', 'train', '1 ids of images come more than once'),
    ),
    'annotation ids twice': (
        lambda w: w.train['annotations'][1].update(id=1),
        ('error', 'ids', 'train', '1 ids of annotations come more than once'),
    ),
    'annotation id 0': (lambda w: w.val['annotations'][0].update(id=0), ('info', 'ids', 'val', 'id 0')),
    'image ids as text': (
        lambda w: people(w.train, lambda p: p.update(image_id=str(p['image_id']))),
        ('error', 'image-ids', 'train', '40 of 40', 'of one type'),
    ),
    'other images under the same name': (copy_train_to_val, ('warning', 'overlap', 'val', '6 of 6 images')),
    'training on the evaluation': (train_on_val, ('warning', 'overlap', 'val', '6 of 6 images')),
    # number and order of the joints
    'joints fewer than the metainfo': (
        lambda w: joints(w.train, lambda points: points[:14]),
        ('error', 'joint-count', 'train', 'annotations have 14, the metainfo has 17, the head has 17'),
    ),
    'joints of unequal number': (
        lambda w: joints(w.train, lambda points: points[:14], 4),
        ('error', 'keypoints', 'train', '17 joints: 30, 14 joints: 10'),
    ),
    'head of another number': (
        lambda w: w.head.update(out_channels=16),
        ('error', 'joint-count', 'val', 'annotations have 17, the metainfo has 17, the head has 16'),
    ),
    'head of another number, in the loss': (
        lambda w: w.head.update(out_channels=16),
        ('error', 'loss', 'model', 'first step of the training fails: ValueError'),
    ),
    'joints in another order': (permute_category, ('error', 'joint-names', 'train', '1: right_eye / left_eye')),
    'one pair the other way round': (
        swap_pair,
        ('warning', 'left-right', 'train', 'left_shoulder and right_shoulder .100% of'),
    ),
    # metainfo
    'a joint mirrored to two': (
        lambda w: w.metainfo(lambda info: mutual(info, 1, 4)),
        ('error', 'flip-pairs', 'train', 'these are of several: right_ear'),
    ),
    'pairs crossed': (
        lambda w: w.metainfo(cross),
        ('error', 'flip-pairs', 'train', 'contradict the names: left_eye with right_ear'),
    ),
    'pair without a swap': (
        lambda w: w.metainfo(lambda i: [i['keypoint_info'][k].update(swap='') for k in (1, 2)]),
        ('error', 'flip-pairs', 'train', 'left_eye with itself'),
    ),
    'pairs in a ring': (
        lambda w: w.metainfo(lambda i: [mutual(i, 1, 2), mutual(i, 2, 0), mutual(i, 0, 1)]),
        ('error', 'flip-pairs', 'train', 'must be mutual'),
    ),
    'swap with an unknown joint': (
        lambda w: w.metainfo(lambda i: i['keypoint_info'][1].update(swap='right_ey')),
        ('error', 'dataset', 'train', "KeyError: 'right_ey'"),
    ),
    'keys out of order': (lambda w: w.metainfo(reorder_keys), ('error', 'keypoint-info', 'train', '0 to 16')),
    'sigmas too few': (
        lambda w: w.metainfo(lambda i: i['sigmas'].pop()),
        ('error', 'sigmas', 'train', 'must be 17 numbers, got 16'),
    ),
    'sigma zero': (
        lambda w: w.metainfo(lambda i: put(i['sigmas'], 3, 0)),
        ('error', 'sigmas', 'train', 'must be finite and > 0, got 0'),
    ),
    'sigmas in pixels': (
        lambda w: w.metainfo(lambda i: i.update(sigmas=[2.0] * 17)),
        ('warning', 'sigmas', 'train', 'reach from 2 to 2'),
    ),
    'weights too many': (
        lambda w: (w.metainfo(lambda i: i['joint_weights'].append(1)), weight_targets(w)),
        ('error', 'joint-weights', 'train', 'must be 17 numbers, got 18'),
    ),
    'weights all zero': (
        lambda w: (w.metainfo(lambda i: i.update(joint_weights=[0.0] * 17)), weight_targets(w)),
        ('error', 'joint-weights', 'train', '> 0, got 0'),
    ),
    # boxes
    'boxes empty': (
        lambda w: people(w.train, lambda p: put(p['bbox'], 2, 0), 4),
        ('error', 'box-empty', 'train', '10 of 40 boxes'),
    ),
    'box NaN': (
        lambda w: put(w.train['annotations'][0]['bbox'], 0, float('nan')),
        ('error', 'box-nan', 'train', '1 of 40 boxes'),
    ),
    'boxes outside': (
        lambda w: people(w.train, lambda p: put(p['bbox'], 0, p['bbox'][0] + 500), 4),
        ('error', 'box-outside', 'train', '10 of 40 boxes'),
    ),
    'boxes too wide': (
        lambda w: people(w.train, lambda p: put(p['bbox'], 2, 300), 4),
        ('warning', 'box-beyond', 'train', '10 of 40 boxes'),
    ),
    'boxes as corners': (
        lambda w: people(w.train, lambda p: p.update(bbox=[*p['bbox'][:2], *np.add(p['bbox'][:2], p['bbox'][2:])])),
        ('error', 'box-format', 'train', 'right, bottom. they fit', 'subtract left and top'),
    ),
    'boxes as shares': (
        lambda w: people(w.train, lambda p: p.update(bbox=list(np.divide(p['bbox'], (WIDTH, HEIGHT) * 2)))),
        ('error', 'box-units', 'train', 'shares, not pixels'),
    ),
    'boxes much smaller than the joints': (
        lambda w: people(w.train, lambda p: p.update(bbox=[p['bbox'][0] + 20, p['bbox'][1] + 40, 10, 20])),
        ('error', 'box-small', 'train', '40 of 40 boxes'),
    ),
    # joints
    'joints as shares': (lambda w: joints(w.train, scale_joints), ('error', 'keypoint-units', 'train', 'shares')),
    'joint NaN': (
        lambda w: joints(w.train, lambda points: put(points, (5, 0), np.nan) * (1, 1, 1), 40),
        ('error', 'keypoint-nan', 'train', '1 of 6'),
    ),
    'x and y exchanged': (
        lambda w: joints(w.train, lambda points: points[:, [1, 0, 2]]),
        ('error', 'keypoint-outside', 'train', 'outside their image', 'swapped x and y'),
    ),
    'joints of somebody else': (
        lambda w: joints(w.train, lambda points: points + ((points[:, 2:] > 0) * (70, 0, 0)), 2),
        ('error', 'keypoint-outside-box', 'train', '50% of the labeled joints'),
    ),
    'labels at the origin': (
        lambda w: joints(w.train, lambda points: put(points, np.s_[:, :2], 0), 4),
        ('error', 'keypoint-origin', 'train', 'all joints of 10 people'),
    ),
    # visibility
    'visibility 3': (
        lambda w: joints(w.train, lambda points: put(points, (5, 2), 3), 4),
        ('error', 'visibility', 'train', '10 of 680 .*3'),
    ),
    'visibility -1': (
        lambda w: joints(w.train, lambda points: put(points, (5, 2), -1)),
        ('warning', 'visibility', 'train', '40 of 680 .*-1', 'not labeled'),
    ),
    'visibility a confidence': (
        lambda w: joints(w.train, lambda points: put(points, np.s_[:, 2], 0.7)),
        ('info', 'visibility', 'train', '0.7', 'is labeled'),
    ),
    'a joint never labeled': (
        lambda w: joints(w.train, lambda points: put(points, 9, 0)),
        ('warning', 'never-labeled', 'train', 'left_wrist$'),
    ),
    'nothing labeled': (
        lambda w: joints(w.train, lambda points: put(points, np.s_[:, 2], 0)),
        ('error', 'unlabeled', 'train', 'no joint of any of the 40 people'),
    ),
    'nothing labeled, in the loss': (
        lambda w: joints(w.train, lambda points: put(points, np.s_[:, 2], 0)),
        ('error', 'no-label', 'train', 'none of the joints of 12 people'),
    ),
    'num_keypoints 0': (
        lambda w: people(w.train, lambda p: p.update(num_keypoints=0)),
        ('error', 'no-person', 'train', 'none of 40 people .*40 num_keypoints = 0'),
    ),
    'num_keypoints 0 for some': (
        lambda w: people(w.train, lambda p: p.update(num_keypoints=0), 4),
        ('error', 'num-keypoints', 'train', '10 of 40 people contradicts'),
    ),
    'everybody a crowd': (
        lambda w: people(w.train, lambda p: p.update(iscrowd=1)),
        ('error', 'no-person', 'train', '40 marked as a group'),
    ),
    # evaluation
    'no area': (
        lambda w: people(w.val, lambda p: p.pop('area')),
        ('error', 'area-missing', 'val', "12 of 12 people have no 'area'"),
    ),
    'area 0': (
        lambda w: people(w.val, lambda p: p.update(area=0)),
        ('error', 'area-zero', 'val', '12 of 12', 'AP = 0'),
    ),
    'area a share': (
        lambda w: people(w.val, lambda p: p.update(area=0.3)),
        ('error', 'area-box', 'val', '100% of the areas'),
    ),
    'category not defined': (
        lambda w: people(w.val, lambda p: p.update(category_id=7)),
        ('error', 'categories', 'val', 'category_id 7', 'AP = -1'),
    ),
    'evaluated on other people': (
        lambda w: w.cfg.val_evaluator.update(ann_file=str(w.path['train'])),
        ('error', 'evaluator-ann-file', 'val', 'train.json, but the people are those of .*val.json'),
    ),
    'evaluated on a part': (
        lambda w: w.dataset('val').update(indices=4),
        ('warning', 'evaluator-part', 'val', 'indices'),
    ),
    'no test mode': (lambda w: w.both(test_mode=False), ('warning', 'test-mode', 'val', 'no test_mode=True')),
    'no test mode with boxes': (
        lambda w: (w.detect(), w.both(test_mode=False)),
        ('error', 'dataset', 'val', 'only supported when `test_mode==True`'),
    ),
    'no evaluator': (lambda w: w.cfg.pop('val_evaluator'), ('error', 'evaluator', 'val', 'val_evaluator is empty')),
    'no score reaches the threshold': (
        lambda w: w.cfg.val_evaluator.update(keypoint_score_thr=1.5),
        ('warning', 'score-threshold', 'model', 'keypoint_score_thr=1.5'),
    ),
    # detected boxes
    'boxes of other images': (
        lambda w: w.detect(image_id=999),
        ('error', 'bbox-image-ids', 'val', '12 of 12 boxes have an image_id without annotation .999'),
    ),
    'boxes of another category': (
        lambda w: w.detect(category_id=0),
        ('error', 'bbox-category', 'val', 'no box has the category_id 1, they have 0'),
    ),
    'people of another category': (
        lambda w: (w.detect(), w.val['categories'][0].update(id=2), people(w.val, lambda p: p.update(category_id=2))),
        ('error', 'bbox-category', 'val', 'the annotations have only the categories 2', 'AP = 0'),
    ),
    'boxes without a score': (
        lambda w: (w.detect(), [box.pop('score') for box in w.detections]),
        ('error', 'bbox-file', 'val', 'lack score'),
    ),
    'boxes under the threshold': (
        lambda w: (w.detect(score=0.1), w.both(filter_cfg=dict(bbox_score_thr=0.3))),
        ('error', 'bbox-score', 'val', 'no box has a score of 0.3'),
    ),
    'detected boxes empty': (
        lambda w: (w.detect(), put(w.detections[0]['bbox'], 2, 0)),
        ('error', 'bbox-empty', 'val', '1 of 12 detected boxes'),
    ),
    'boxes elsewhere': (detect_corners, ('warning', 'bbox-recall', 'val', '0% of 12 people')),
    # pipeline, codec, model
    'keypoints not packed': (
        lambda w: w.step('train', 'PackPoseInputs').pop('pack_transformed'),
        ('error', 'targets', 'train', 'does not pack the keypoints', 'pack_transformed=True'),
    ),
    'keypoints not packed, in the loss': (
        lambda w: w.step('train', 'PackPoseInputs').pop('pack_transformed'),
        ('error', 'loss', 'model', 'pack_transformed=True'),
    ),
    'head of MMPose without targets': (mmpose_head, ('error', 'targets', 'train', "MMPose's HeatmapHead")),
    'codec that draws no batches': (old_codec, ('error', 'targets', 'train', 'MSRAHeatmap has no encode_batch')),
    'other size in training': (
        lambda w: w.step('train', 'TopdownAffine').update(input_size=(192, 256)),
        ('error', 'input-size', 'train', r'cuts out \(192, 256\) and the codec of the head expects \(96, 128\)'),
    ),
    'width and height exchanged': (
        lambda w: w.step('val', 'TopdownAffine').update(input_size=(128, 96)),
        ('error', 'input-size', 'val', r'cuts out \(128, 96\)'),
    ),
    'encoder of another sigma': (
        lambda w: generate_target(w, sigma=3.0),
        ('warning', 'encoder', 'train', 'sigma: 3.0 / 1'),
    ),
    'encoder of another size': (
        lambda w: generate_target(w, heatmap_size=(48, 64)),
        ('error', 'encoder', 'train', 'heatmap_size'),
    ),
    'encoder of another kind': (
        lambda w: generate_target(w, type='MSRAHeatmap'),
        ('warning', 'encoder', 'train', 'draws with MSRAHeatmap, the head decodes with DarkHeatmap'),
    ),
    'random evaluation': (
        lambda w: w.pipeline('val').insert(2, dict(type='RandomFlip')),
        ('warning', 'pipeline', 'val', 'at random: RandomFlip'),
    ),
    'no packing': (lambda w: w.pipeline('val').pop(), ('error', 'pipeline', 'val', 'does not end with PackPoseInputs')),
    'steps out of order': (swap_steps, ('error', 'pipeline', 'train', 'GetBBoxCenterScale must come before')),
    'steps out of order, run': (swap_steps, ('error', 'pipeline-run', 'train', '12 of 12 people do not pass')),
    'maps of another size': (
        lambda w: w.head.decoder.update(heatmap_size=(48, 64)),
        ('error', 'loss', 'model', "'heatmap_size' of the codec must be the size of the head's maps"),
    ),
    'codec with a wrong argument': (
        lambda w: w.head.decoder.update(sigma=0),
        ('error', 'codec', 'model', "'sigma' must be a finite number > 0, got 0"),
    ),
    'dataset of an unknown class': (
        lambda w: w.dataset('train').update(type='MyDataset'),
        ('error', 'dataset', 'train', 'MyDataset is not registered', ''),
    ),
    'backbone of an unknown class': (
        lambda w: w.cfg.model.update(backbone=dict(type='MyNet')),
        ('error', 'model', 'model', 'cannot be built: KeyError'),
    ),
    'crops without the joints': (
        lambda w: w.step('train', 'GetBBoxCenterScale').update(padding=0.2),
        ('error', 'crop', 'train', 'lie outside the crop'),
    ),
}


def matching(findings, level, check, where, text='', advice=''):
    return [
        one
        for one in findings
        if (one.level, one.check, one.where) == (level, check, where)
        and re.search(text, one.what)
        and re.search(advice, one.advice)
    ]


@pytest.mark.parametrize('name', FAULTS)
def test_fault_is_found(world, name):
    spoil, expected = FAULTS[name]
    spoil(world)
    findings = world.check()
    assert matching(findings, *expected), format_findings(findings)
    assert has_errors(findings) == any(one.level == 'error' for one in findings)


# ---------------------------------------------------------------------------------------------
# what is right passes


def test_healthy_data_set_passes(world):
    findings = world.check(samples=40)
    assert not has_errors(findings, strict=True), format_findings(findings)
    told = {(one.check, one.where) for one in findings}
    assert {('joint-count', 'train'), ('joint-count', 'val'), ('codec-error', 'model'), ('scores', 'model')} <= told
    assert matching(findings, 'info', 'people', 'train', '40 of 40 people are used')
    assert matching(findings, 'ok', 'config', 'test', 'same dataset')


def test_healthy_with_detected_boxes(world):
    world.detect()
    findings = world.check()
    assert not has_errors(findings, strict=True), format_findings(findings)
    assert matching(findings, 'info', 'bbox-recall', 'val', '12 boxes; 100% of 12 people')


def test_few_bad_people_are_a_warning(world):
    """Of a large dataset one empty box is worth a line, not a stop."""
    world.train['annotations'][0]['bbox'][2] = 0
    findings = world.check()
    assert matching(findings, 'warning', 'box-empty', 'train', '1 of 40') and not has_errors(findings)
    assert matching(findings, 'info', 'people', 'train', '39 of 40 people are used .dropped: 1 an empty box')


def test_targets_by_the_pipeline_pass(world):
    """The way of MMPose: GenerateTarget in the pipeline, joints not packed, MMPose's head and codec."""
    old_codec(world)
    mmpose_head(world)
    world.step('train', 'PackPoseInputs').pop('pack_transformed')
    generate_target(world)
    findings = world.check()
    assert not has_errors(findings, strict=True), format_findings(findings)
    assert matching(findings, 'info', 'codec-error', 'model', 'MSRAHeatmap')


@pytest.mark.parametrize('kind', ['IntegralHead', 'RegressionHead'])
def test_heads_of_coordinates_pass(world, kind):
    """They are built, trained for a step and asked for scores like any other."""
    codec = dict(input_size=world.head.decoder.input_size)
    if kind == 'RegressionHead':
        head = dict(num_joints=17, decoder=dict(codec, type='mmpose_ext.RegressionLabel'))
    else:
        codec.update(type='mmpose_ext.IntegralLabel', heatmap_size=world.head.decoder.heatmap_size)
        loss = dict(type='KeypointMSELoss', use_target_weight=True)
        head = dict(out_channels=17, deconv_out_channels=(8, 8, 8), decoder=codec, loss_heatmap=loss, beta=10.0)
        head['loss_coord'] = dict(type='mmpose_ext.CoordinateLoss')
    world.cfg.model.head = dict(head, type=f'mmpose_ext.{kind}', in_channels=64)
    findings = world.check()
    assert not has_errors(findings), format_findings(findings)
    assert matching(findings, 'info', 'codec-error', 'model', '(Integral|Regression)Label, .* joints are off by 0.0000')
    assert matching(findings, 'ok', 'loss', 'model')
    scores = '1 to 1' if kind == 'RegressionHead' else r'0\.\d+ to 0\.\d+'
    assert matching(findings, 'info', 'scores', 'model', f'the untrained network scores {scores} on')


def test_combined_data_sets(world):
    """A combination is run as a whole; a fault in one of its parts is found."""
    metainfo = world.metainfo(lambda _: None)
    part = deepcopy(world.dataset('train'))
    pipeline = part.pop('pipeline')
    world.cfg.train_dataloader.dataset = dict(
        type='CombinedDataset', metainfo=metainfo, datasets=[part, deepcopy(part)], pipeline=pipeline
    )
    findings = world.check()
    assert not has_errors(findings), format_findings(findings)
    assert matching(findings, 'ok', 'pipeline-run', 'train', '12 of 80 people passed')
    world.dataset('train').datasets[1].ann_file = 'annotations/other.json'
    assert matching(world.check(), 'error', 'missing-file', 'train', 'other.json')


def test_untransformed_number_of_joints_is_not_asked_of_composed_classes(world):
    """COCO-WholeBody composes its 133 joints of several lists; 'keypoints' alone has 17."""
    for phase in ('train', 'val', 'test'):
        world.dataset(phase).type = 'CocoWholeBodyDataset'
    findings = world.check()
    assert matching(findings, 'error', 'joint-count', 'train', '^the number of joints differs: the metainfo has 133')


# ---------------------------------------------------------------------------------------------
# MPII


def mpii_world(world, heads):
    """The same people in MMPose's format of MPII, 16 joints."""
    for name, content in (('train', world.train), ('val', world.val)):
        files = {image['id']: image['file_name'] for image in content['images']}
        entries = []
        for person in content['annotations']:
            points = np.reshape(person['keypoints'], (-1, 3))[1:]
            left, top, width, height = person['bbox']
            entries.append(
                dict(
                    image=files[person['image_id']],
                    center=[left + width / 2, top + height / 2],
                    scale=height / 200,
                    joints=points[:, :2].tolist(),
                    joints_vis=(points[:, 2] > 0).astype(int).tolist(),
                )
            )
        world.texts[name] = json.dumps(entries)
    for phase in ('train', 'val', 'test'):
        world.dataset(phase).type = 'MpiiDataset'
    savemat(world.root / 'heads.mat', dict(headboxes_src=heads))
    world.both(headbox_file=str(world.root / 'heads.mat'))
    world.cfg.val_evaluator = world.cfg.test_evaluator = dict(type='MpiiPCKAccuracy')
    world.head.out_channels = 16


def head_boxes(count):
    return np.stack([np.zeros((2, count)), np.full((2, count), 12.0)])


def test_healthy_mpii_passes(world):
    mpii_world(world, head_boxes(12))
    findings = world.check()
    assert not has_errors(findings), format_findings(findings)
    assert matching(findings, 'ok', 'head-boxes', 'val', '12 boxes')
    assert matching(findings, 'ok', 'joint-count', 'train', 'annotations have 16')


@pytest.mark.parametrize(
    ('heads', 'change', 'expected'),
    [
        (head_boxes(11), None, ('head-boxes', 'val', r'shape \(2, 2, 12\), got \(2, 2, 11\)')),
        (np.zeros((2, 2, 12)), None, ('head-boxes', 'val', '12 of 12 heads have no size')),
        (head_boxes(12), lambda w: w.both(headbox_file=None), ('evaluator', 'val', 'no headbox_file')),
        (head_boxes(12), lambda w: w.both(headbox_file='heads.mat'), ('missing-file', 'val', 'headbox_file')),
        (head_boxes(12), lambda w: w.texts.update(train='{}'), ('json', 'train', 'a dict, not a list of people')),
        (
            head_boxes(12),
            lambda w: w.texts.update(train='[{"image": "000001.jpg"}]'),
            ('json', 'train', "1 of 1 annotations have no 'center'"),
        ),
    ],
)
def test_fault_in_mpii_is_found(world, heads, change, expected):
    mpii_world(world, heads)
    if change is not None:
        change(world)
    findings = world.check()
    assert matching(findings, 'error', *expected), format_findings(findings)


# ---------------------------------------------------------------------------------------------
# figures


def test_error_of_the_codec_is_the_real_one(world):
    """The printed pixels are those of encoding and decoding, in the order of the paper's table 1."""
    rng = np.random.default_rng(0)
    keypoints = rng.uniform((20, 20), (76, 108), (50, 17, 2)).astype(np.float32)
    labeled = rng.random((50, 17)) < 0.8
    means = []
    for decoding in ('argmax', 'shift', 'dark'):
        codec, findings = build_codec(
            dict(
                type='mmpose_ext.DarkHeatmap',
                input_size=(96, 128),
                heatmap_size=(24, 32),
                encoding='biased' if decoding == 'argmax' else 'unbiased',
                decoding=decoding,
            )
        )
        assert not findings
        points = np.stack([codec.decode(codec.encode(person[None])['heatmaps'])[0][0] for person in keypoints])
        distance = np.linalg.norm(points - keypoints, axis=-1)[labeled]
        (told, scores) = check_codec(codec, keypoints, labeled)
        figures = [float(text) for text in re.findall(r'([\d.]+) \(', told.what)]
        assert figures == pytest.approx([distance.mean(), np.median(distance), distance.max()], abs=1e-4)
        assert f'{labeled.sum()} joints' in told.what and scores.check == 'scores'
        means.append(distance.mean())
    assert means[0] > 1.5 * means[1] > 15 * means[2]


@pytest.mark.parametrize(
    ('codec', 'limit'),
    [
        (dict(type='MSRAHeatmap', heatmap_size=(48, 64), sigma=2, unbiased=True), 0.01),
        (dict(type='UDPHeatmap', heatmap_size=(48, 64), sigma=2), 1.0),
        (dict(type='MegviiHeatmap', heatmap_size=(48, 64), kernel_size=11), 4.0),
        (dict(type='UDPHeatmap', heatmap_size=(48, 64), heatmap_type='combined'), 1.0),
        (dict(type='IntegralRegressionLabel', heatmap_size=(48, 64), sigma=2.0), 1e-3),
        (dict(type='RegressionLabel'), 1e-3),
        (dict(type='SimCCLabel', sigma=(4.9, 5.66), simcc_split_ratio=2.0, normalize=False), 0.5),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else '',
)
def test_codecs_of_mmpose_are_measured(mmpose_scope, codec, limit):
    codec, findings = build_codec(dict(codec, input_size=(192, 256)))
    assert not findings
    keypoints = np.random.default_rng(0).uniform((40, 40), (150, 210), (8, 17, 2)).astype(np.float32)
    labeled = np.ones((8, 17), bool)
    decoded = encode_decode(codec, keypoints, labeled)
    assert decoded.drawn.all() and decoded.scores.shape == (8, 17)
    assert np.linalg.norm(decoded.points - keypoints, axis=-1).mean() < limit
    assert decoded.from_maps == hasattr(codec, 'heatmap_size')
    # only the height of a map's peak is a score
    told = [one.check for one in check_codec(codec, keypoints, labeled)]
    assert told == (['codec-error', 'scores'] if decoded.from_maps else ['codec-error'])


@pytest.mark.parametrize('kind', ['gaussian', 'one_hot', 'disk', None, 'no maps at all'])
def test_coordinates_lose_nothing(kind):
    """Whatever maps a codec draws beside them: it decodes points, which have no score of their own."""
    config = dict(type='mmpose_ext.RegressionLabel', input_size=(96, 128))
    if kind != 'no maps at all':
        config.update(type='mmpose_ext.IntegralLabel', heatmap_size=(24, 32), heatmap_type=kind)
    codec, findings = build_codec(config)
    assert not findings
    keypoints = np.random.default_rng(0).uniform((-5, -5), (100, 132), (8, 17, 2)).astype(np.float32)
    inside = ((keypoints >= 0) & (keypoints <= (95, 127))).all(-1)
    decoded = encode_decode(codec, keypoints, np.ones((8, 17), bool))
    assert (decoded.drawn == inside).all() and not decoded.from_maps
    np.testing.assert_allclose(decoded.points[inside], keypoints[inside], atol=1e-4)
    (told,) = check_codec(codec, keypoints, np.ones((8, 17), bool), 0.2)
    assert (told.level, told.check) == ('info', 'codec-error')
    assert re.search(rf'{inside.sum()} joints are off by 0\.0000 \(mean\)', told.what)


def test_checkpoint_shows_the_scores_to_expect(world):
    from mmengine.runner import save_checkpoint

    from mmpose_ext.lab.dataset_check.model import build_model

    findings = world.check()
    assert matching(findings, 'info', 'scores', 'model', 'the untrained network', '--checkpoint')
    model, _ = build_model(world.cfg.model)
    model.init_weights()
    model.head.final_layer.weight.data.mul_(1e4)
    model.head.final_layer.bias.data.fill_(0.5)  # every map then lies around .5
    save_checkpoint(dict(state_dict=model.state_dict()), str(world.root / 'weights.pth'))
    findings = world.check(checkpoint=str(world.root / 'weights.pth'))
    assert matching(findings, 'info', 'scores', 'model', 'half below 0.5.*100% are above keypoint_score_thr=0.2'), (
        format_findings(findings)
    )
    model.head.final_layer.bias.data.fill_(0.1)
    save_checkpoint(dict(state_dict=model.state_dict()), str(world.root / 'weights.pth'))
    findings = world.check(checkpoint=str(world.root / 'weights.pth'))
    assert matching(findings, 'warning', 'score-threshold', 'model', '0% are above')


def test_no_weights_are_downloaded(world, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError('the check must not load the weights that a training starts from')

    monkeypatch.setattr('mmengine.runner.checkpoint.CheckpointLoader.load_checkpoint', refuse)
    world.cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='torchvision://resnet18')
    assert not has_errors(world.check())


def test_same_seed_same_findings(world):
    first = world.check(seed=3)
    assert first == world.check(seed=3)
    assert first != world.check(seed=4)


def test_metainfos_of_mmpose():
    """All that MMPose ships: the only faults are three of its own, counted by hand."""
    folder = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets'
    faults = {}
    for path in sorted(folder.glob('*.py')):
        findings = check_metainfo(parse_pose_metainfo(dict(from_file=str(path))), 'train', needs_sigmas=False)
        wrong = [one.what for one in findings if one.level in ('error', 'warning')]
        if wrong:
            faults[path.stem] = wrong
    assert {name: len(wrong) for name, wrong in faults.items()} == dict(coco_aic=1, deepfashion2=1, humanart_aic=1)
    assert faults['coco_aic'] == ["'joint_weights' must be 19 numbers, got 18"]


@pytest.mark.parametrize(
    ('name', 'mirrored'),
    [
        ('left_eye', 'right_eye'),
        ('R_Hip', 'L_Hip'),
        ('LeftEye', 'RightEye'),
        ('l-elbow', 'r-elbow'),
        ('RIGHT KNEE', 'LEFT KNEE'),
        ('nose', 'nose'),
        ('collar', 'collar'),
        ('kpt-0', 'kpt-0'),
    ],
)
def test_mirrored_name(name, mirrored):
    assert mirrored_name(name) == mirrored


def test_people_from_behind_are_no_swap():
    """Left and right of everybody exchanged is a person seen from behind, not a fault."""
    content = annotations(20, 1, np.random.default_rng(0))
    names = [*JOINTS]
    mirror = [names.index(mirrored_name(name)) for name in names]
    joints(content, lambda points: points[mirror], 2)
    assert check_left_right(from_coco(content), mirror, names, 'train') == []


# ---------------------------------------------------------------------------------------------
# docs/datasets.md


def test_metainfo_of_the_documentation_is_right():
    text = (ROOT / 'docs/datasets.md').read_text(encoding='utf-8')
    values = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], values)
    findings = check_metainfo(parse_pose_metainfo(values['dataset_info']), 'train')
    assert [(one.level, one.check) for one in findings] == [('ok', 'metainfo')]


@pytest.mark.parametrize('data', ['coco', 'flic', 'lsp', 'mpii', 'synthetic'])
def test_tree_of_the_documentation_is_the_configs(data, monkeypatch):
    """Every file and folder that a config reads is in the tree below its data root."""
    monkeypatch.delenv(f'{data.upper()}_ROOT', raising=False)
    text = (ROOT / 'docs/datasets.md').read_text(encoding='utf-8')
    tree = re.search(rf'^    data/{data}\n((?:    .*\n)+)', text, re.MULTILINE)[1]
    cfg = Config.fromfile(ROOT / f'configs/_base_/datasets/topdown_{data}.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        dataset = loader.dataset
        assert dataset.data_root == f'data/{data}/'
        paths = [dataset.ann_file, dataset.data_prefix.img]
        paths += [
            dataset[key].removeprefix(dataset.data_root) for key in ('bbox_file', 'headbox_file') if key in dataset
        ]
        for part in {part for path in paths for part in Path(path).parts}:
            assert re.search(rf'── {re.escape(part)}$', tree, re.MULTILINE), part


# ---------------------------------------------------------------------------------------------
# report and tool


def test_report_has_the_gravest_last():
    findings = [
        Finding('error', 'a', 'train', 'an error', 'do this'),
        Finding('ok', 'b', 'val', 'fine'),
        Finding('warning', 'c', 'val', 'word ' * 60),
    ]
    lines = format_findings(findings, 80).splitlines()
    assert lines[0].split() == ['ok', 'val', 'b', 'fine']
    assert max(map(len, lines)) <= 80
    assert lines[-1] == '1 error, 1 warning.'
    assert lines[-3].strip() == '-> do this' and lines[-4].startswith('error')
    assert format_findings([]).strip() == 'no errors, no warnings.'


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match="'samples' must be > 0, got 0"):
        check_dataset(str(CONFIG), samples=0)
    with pytest.raises(ValueError, match="'level' must be one of"):
        Finding('fatal', 'a', 'b', 'c')
    findings = check_dataset(str(tmp_path / 'none.py'))
    assert matching(findings, 'error', 'config', 'config', 'none.py cannot be read: FileNotFoundError')


def test_tool(world, monkeypatch, capsys):
    """Exit status and options of the program, with a dataset whose only finding is a warning."""
    train_on_val(world)
    world.check()
    arguments = [str(TOOL), str(world.root / 'config.py'), '--samples', '4']
    monkeypatch.setattr(sys, 'argv', arguments)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TOOL), run_name='__main__')
    assert ended.value.code == 0
    assert 'no errors, 1 warning.' in capsys.readouterr().out
    # and in a process of its own
    result = subprocess.run(
        [sys.executable, *arguments, '--strict', '--cfg-options', 'model.head.out_channels=16'],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        cwd=world.root,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert 'the head has 16' in ' '.join(result.stdout.split())


def test_real_images(sample_images):
    """COCO's own annotations and MMPose's detections of four images have no fault."""
    root = sample_images('coco')
    options = {}
    for phase in ('train', 'val', 'test'):
        dataset = f'{phase}_dataloader.dataset'
        options |= {f'{dataset}.data_root': str(root), f'{dataset}.ann_file': 'test_coco.json'}
        options |= {f'{dataset}.data_prefix.img': ''}
        if phase != 'train':
            options[f'{dataset}.bbox_file'] = str(root / 'test_coco_det_AP_H_56.json')
            options[f'{phase}_evaluator.ann_file'] = str(root / 'test_coco.json')
    config = ROOT / 'configs/dark/dark_res50_2xb64-140e_coco-128x96.py'
    findings = check_dataset(str(config), options)
    assert [one.check for one in findings if one.level in ('error', 'warning')] == ['overlap']
    assert matching(findings, 'info', 'people', 'train', '12 of 14 people are used .dropped: 2 num_keypoints = 0')
    assert matching(findings, 'info', 'bbox-recall', 'val', '118 boxes; 100% of 12 people')


@pytest.mark.parametrize('kind', ['derived', 'protocol'])
def test_a_users_codec_is_checked(world, kind):
    """One that is registered outside of the package: built, encoded and decoded as any other."""
    decoder = world.head.decoder
    with registered() as names:
        sizes = dict(input_size=decoder.input_size, heatmap_size=decoder.heatmap_size)
        world.head.decoder = dict(type=names[kind], **sizes)
        findings = world.check()
    assert not has_errors(findings), format_findings(findings)
    assert matching(
        findings, 'info', 'codec-error', 'model', f'{names[kind].rpartition(".")[2]}, .* joints are off by 0'
    )
    assert matching(findings, 'info', 'scores', 'model')


def test_normalization_of_a_network_of_timm(world):
    """Weights of timm are trained with numbers of their own, which the config has to give to the preprocessor."""
    timm = pytest.importorskip('timm', reason='the extra timm is not installed')
    torch.save(timm.create_model('test_resnet').state_dict(), world.root / 'weights.pth')
    backbone = dict(type='mmpose_ext.TimmBackbone', model_name='test_resnet')
    world.cfg.model.backbone = dict(backbone, checkpoint=str(world.root / 'weights.pth'))
    world.head.in_channels = 96
    findings = world.check()
    assert matching(
        findings, 'warning', 'normalization', 'model', r'expect mean=\[127.5, .*got \[123.675', 'data_preprocessor'
    )
    assert matching(findings, 'ok', 'loss', 'model')
    world.cfg.model.data_preprocessor.update(mean=[127.5] * 3, std=[127.5] * 3)
    assert matching(world.check(), 'ok', 'normalization', 'model')
    world.cfg.model.backbone.checkpoint = str(world.root / 'none.pth')
    assert matching(world.check(), 'error', 'model', 'model', r"cannot be built: .*'checkpoint'.*none.pth.*not exist")
    # weights that would have to be downloaded are left out, but their normalization is known
    world.cfg.model.backbone = dict(backbone, checkpoint='https://nowhere.invalid/weights.pth')
    assert matching(world.check(), 'ok', 'normalization', 'model')
    world.cfg.model.backbone = backbone  # from scratch: any normalization will do
    assert not [finding for finding in world.check() if finding.check == 'normalization']
