"""Figures by faster-coco-eval equal those of xtcocotools on random detections of four datasets."""

import copy
import json
import sys
from unittest import mock

import numpy as np
import pytest
from mmpose.evaluation.metrics import CocoMetric, CocoWholeBodyMetric
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from mmpose_ext.evaluation import CocoMetric as OurCocoMetric
from mmpose_ext.evaluation import FasterCocoMetric, FasterCocoWholeBodyMetric, coco_figures

PARTS = dict(keypoints=17, foot_kpts=6, face_kpts=68, lefthand_kpts=21, righthand_kpts=21)
DATASETS = dict(
    coco=dict(joints=17),
    crowdpose=dict(joints=14, crowd=True, use_area=False),
    ap10k=dict(joints=17, categories=5),
    wholebody=dict(joints=133, parts=PARTS),
)


def people(rng, joints, images=12, categories=1, crowd=False, use_area=True, parts=None, empty=False):
    """Annotations of an image have crowds, zero-area boxes, people without labels, and boxes of every range of area."""
    annotations = []
    for number in range(0 if empty else images * 3):
        size = rng.choice([20.0, 60.0, 200.0], 2) * rng.uniform(0.5, 1.5, 2)
        corner = rng.uniform(0, 300, 2)
        points = corner + rng.uniform(0, 1, (joints, 2)) * size
        visible = rng.choice([0, 1, 2], joints)
        if number % 7 == 0:
            visible[:] = 0
        if number % 11 == 0:
            size[0] = 0.0
        flat = np.column_stack((points, visible)).ravel().tolist()
        one = dict(
            id=number + 1,
            image_id=int(rng.integers(images)) + 1,
            category_id=number % categories + 1,
            bbox=[*corner.tolist(), *size.tolist()],
            keypoints=flat,
            iscrowd=int(number % 9 == 0),
            num_keypoints=int((visible == 2).sum() if crowd else (visible > 0).sum()),
        )
        if use_area:
            one['area'] = float(size.prod() * 0.7)
        if parts:
            one.update(split(flat, parts))
        annotations.append(one)
    pictures = [
        dict(id=n + 1, width=640, height=480, crowdIndex=float(rng.choice([0.1, 0.2, 0.5, 0.9]))) for n in range(images)
    ]
    named = [dict(id=n + 1, name=str(n)) for n in range(categories)]
    return dict(images=pictures, annotations=annotations, categories=named)


def split(flat, parts):
    ends = 3 * np.cumsum([0, *parts.values()])
    return {name: list(flat[low:high]) for name, low, high in zip(parts, ends, ends[1:], strict=False)}


def detections(rng, truth, joints, categories=1, boxes=False, parts=None):
    """More than 20 people in an image, scores that are equal, detections without any score, and some of nobody."""
    found = []
    for annotation in truth['annotations'] * 5:
        flat = annotation['keypoints'] if not parts else [v for name in parts for v in annotation[name]]
        points = np.array(flat).reshape(joints, 3)[:, :2]
        points = points + rng.normal(0, rng.choice([0.5, 3.0, 30.0]), points.shape)
        scores = rng.choice([0.0, 0.3, 0.9], joints) * (rng.random() > 0.05)
        flat = np.column_stack((points, scores)).ravel().tolist()
        one = dict(
            image_id=annotation['image_id'] if rng.random() < 0.9 else int(rng.choice(truth['images'])['id']),
            category_id=int(rng.integers(categories)) + 1,
            keypoints=flat,
            score=float(rng.choice([0.2, 0.5, 0.8])),
        )
        if boxes:
            one['bbox'] = rng.uniform(0, 150, 4).tolist()
        found.append(one)
    return found


def official(truth, found, sigmas, path, iou_type='keypoints', use_area=True, parts=None):
    """The figures of xtcocotools, of detections in which the joints of parts are separate."""
    path.write_text(json.dumps(truth))
    coco = COCO(str(path))
    results = [dict(one, **split(one['keypoints'], parts)) if parts else dict(one) for one in found]
    kind = 'keypoints_wholebody' if parts else iou_type
    evaluation = COCOeval(coco, coco.loadRes(results), kind, np.array(sigmas), use_area)
    evaluation.params.useSegm = None
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return list(evaluation.stats)


def joined(truth, parts):
    """The same annotations with all joints in one list."""
    annotations = [dict(one) for one in copy.deepcopy(truth['annotations'])]
    for one in annotations if parts else []:
        one['keypoints'] = [value for name in parts for value in one[name]]
    return annotations


@pytest.mark.parametrize('name', DATASETS)
@pytest.mark.parametrize('case', ['random', 'boxes', 'no detections', 'no people'])
def test_figures_are_those_of_xtcocotools(name, case, tmp_path):
    settings = DATASETS[name]
    joints, parts = settings['joints'], settings.get('parts')
    crowd, use_area = settings.get('crowd', False), settings.get('use_area', True)
    rng = np.random.default_rng(len(name) + len(case))
    truth = people(rng, **settings, empty=case == 'no people')
    crowded = people(rng, **settings) if case == 'no people' else truth
    options = dict(categories=settings.get('categories', 1), boxes=case == 'boxes', parts=parts)
    found = [] if case == 'no detections' else detections(rng, crowded, joints, **options)
    sigmas = rng.uniform(0.02, 0.15, joints)
    iou_type = 'keypoints_crowd' if crowd else 'keypoints'
    categories = [category['id'] for category in truth['categories']]
    figures = coco_figures(
        truth['images'],
        joined(truth, parts),
        copy.deepcopy(found) if not parts or case == 'boxes' else [body_area(one) for one in found],
        sigmas,
        iou_type,
        use_area,
        categories,
    )
    expected = official(truth, copy.deepcopy(found), sigmas, tmp_path / 'truth.json', iou_type, use_area, parts)
    np.testing.assert_allclose(list(figures.values()), expected, rtol=0, atol=1e-6)
    if case in ('random', 'boxes'):
        assert 0.01 < figures['AP'] < 0.99, 'detections must be neither all right nor all wrong'


def body_area(one):
    points = np.array(one['keypoints']).reshape(-1, 3)[:17]
    return dict(one, area=float(np.ptp(points[:, 0]) * np.ptp(points[:, 1])))


@pytest.mark.parametrize(('name', 'ours', 'theirs'), [
    ('coco', FasterCocoMetric, CocoMetric),
    ('ap10k', FasterCocoMetric, CocoMetric),
    ('wholebody', FasterCocoWholeBodyMetric, CocoWholeBodyMetric),
])  # fmt: skip
def test_metric_equals_that_of_mmpose(name, ours, theirs, tmp_path):
    settings = DATASETS[name]
    joints = settings['joints']
    rng = np.random.default_rng(3)
    truth = people(rng, **settings)
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(truth))
    found = detections(rng, truth, joints, settings.get('categories', 1), parts=settings.get('parts'))
    figures = []
    for kind in (ours, theirs):
        metric = kind(ann_file=str(path))
        metric.dataset_meta = dict(num_keypoints=joints, sigmas=np.linspace(0.03, 0.1, joints), dataset_name=name)
        for number, one in enumerate(found):
            points = np.array(one['keypoints'], np.float32).reshape(1, joints, 3)
            instances = dict(keypoints=points[..., :2], keypoint_scores=points[..., 2])
            boxes = dict(bbox_scores=np.array([one['score']], np.float32), bbox_scales=np.ones((1, 2), np.float32))
            sample = dict(id=number, img_id=one['image_id'], category_id=np.array(one['category_id']))
            metric.process([], [dict(sample, pred_instances=instances, gt_instances=boxes)])
        figures.append(metric.evaluate(len(found)))
    assert figures[0].keys() == figures[1].keys()
    np.testing.assert_allclose(list(figures[0].values()), list(figures[1].values()), rtol=0, atol=1e-6)


@pytest.mark.parametrize('kind', [OurCocoMetric, FasterCocoMetric])
def test_people_are_ranked_by_calibrated_scores(kind, tmp_path):
    """As xtcocotools ranks detections whose score is that of the box times that of the pose."""
    rng = np.random.default_rng(5)
    truth = people(rng, 17)
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(truth))
    found = detections(rng, truth, 17)
    sigmas, poses = np.linspace(0.03, 0.1, 17), rng.random(len(found)).round(1)
    figures = []
    for mode in ('pose', 'bbox_keypoint'):
        metric = kind(ann_file=str(path), score_mode=mode, nms_mode='none')
        metric.dataset_meta = dict(num_keypoints=17, sigmas=sigmas, dataset_name='coco')
        for number, (one, pose) in enumerate(zip(found, poses, strict=True)):
            points = np.array(one['keypoints']).reshape(1, 17, 3)
            instances = dict(keypoints=points[..., :2], keypoint_scores=points[..., 2], pose_scores=np.array([pose]))
            sample = dict(id=number, img_id=one['image_id'], category_id=1, pred_instances=instances)
            metric.process([], [dict(sample, gt_instances=dict(bbox_scores=np.array([one['score']])))])
        figures.append(list(metric.evaluate(len(found)).values()))
    ranked = [dict(one, score=one['score'] * pose) for one, pose in zip(found, poses, strict=True)]
    np.testing.assert_allclose(figures[0], official(truth, ranked, sigmas, path), rtol=0, atol=1e-6)
    assert abs(figures[0][0] - figures[1][0]) > 1e-3
    with pytest.raises(ValueError, match="'pred_instances' must have pose_scores with score_mode='pose'"):
        kind(ann_file=str(path), score_mode='pose').process([], [dict(sample, pred_instances=dict(keypoints=points))])
    with pytest.raises(ValueError, match='score_mode'):
        kind(ann_file=str(path), score_mode='people')


def test_errors():
    truth = people(np.random.default_rng(0), 3)
    result = dict(image_id=1, category_id=1, keypoints=[0.0] * 9, score=1.0)
    for change, message in (
        (dict(image_id=99), r"'results' must be of the images of the evaluation, got image 99"),
        (dict(keypoints=[0.0] * 6), r"'results' must have three numbers for each of the 3 sigmas, got .* \(6,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            coco_figures(truth['images'], truth['annotations'], [result | change], [0.1] * 3)
    with pytest.raises(ValueError, match="'iou_type' must be one of 'keypoints', 'keypoints_crowd', got 'bbox'"):
        coco_figures([], [], [], [0.1], 'bbox')
    with (
        mock.patch.dict(sys.modules, {'faster_coco_eval': None}),
        pytest.raises(ImportError, match=r'mmpose_ext\[coco'),
    ):
        coco_figures(truth['images'], truth['annotations'], [result], [0.1] * 3)
