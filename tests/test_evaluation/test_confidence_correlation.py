"""The metric on people made by hand, against slow loops and COCO's program, and in real test runs."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.structures import PoseDataSample
from scipy import stats
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from mmpose_ext import config_path
from mmpose_ext.apis.test import evaluate
from mmpose_ext.registry import METRICS, MODELS

FIGURES = ['Pearson', 'Spearman', 'Pearson (person)', 'Spearman (person)', 'ECE']
pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture(autouse=True)
def _one_thread():
    """Small networks gain nothing by more threads, and on a busy machine they lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made_up(joints=5, sigma=0.05):
    """Meta information of a dataset."""
    return dict(dataset_name='made up', num_keypoints=joints, sigmas=np.full(joints, sigma))


def build_metric(meta=None, **arguments):
    metric = METRICS.build(dict(type='mmpose_ext.ConfidenceCorrelation', **arguments))
    metric.dataset_meta = meta or made_up()
    return metric


def measure(metric, samples, size=None):
    """Figures without their prefix, as an evaluator gets them."""
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    figures = evaluator.evaluate(len(samples) if size is None else size)
    return {name.removeprefix('confidence/'): value for name, value in figures.items()}


def make_people(count=30, joints=5, seed=0):
    """Labeled people (COCO's annotations), predicted points (N, K, 2) and confidences (N, K) that know the error."""
    rng = np.random.default_rng(seed)
    targets = rng.uniform(20, 120, (count, joints, 2)) + 200 * np.arange(count)[:, None, None] % 1000
    visible = rng.choice([0, 1, 2], (count, joints), p=[0.3, 0.2, 0.5])
    visible[:, 0] = 2
    spread = rng.uniform(0, 10, (count, 1)) * rng.uniform(0.3, 1, (count, joints))
    points = targets + rng.normal(size=targets.shape) * spread[..., None]
    confidences = np.clip(1 - spread / 10 + rng.normal(0, 0.2, (count, joints)), 0, 1)
    annotations = []
    for n in range(count):
        x, y = targets[n].min(0) - 10
        width, height = np.ptp(targets[n], axis=0) + 20
        annotations.append(
            dict(
                id=n + 1,
                image_id=n // 3,  # three people in a image
                category_id=1,
                iscrowd=0,
                bbox=[x, y, width, height],
                area=width * height * rng.uniform(0.3, 0.8),
                num_keypoints=int((visible[n] > 0).sum()),
                keypoints=(np.insert(targets[n], 2, visible[n], 1) * (visible[n] > 0)[:, None]).ravel().tolist(),
            )
        )
    return annotations, points, confidences


def make_sample(annotation, points, confidences, **fields):
    """A tested sample of one annotated person (MMPose's top-down datasets and estimator)."""
    x, y, width, height = annotation['bbox']
    keypoints = np.array(annotation['keypoints'], np.float32).reshape(1, -1, 3)
    boxes = np.array([[x, y, x + width, y + height]], np.float32)
    sample = PoseDataSample(metainfo=dict(img_id=annotation['image_id'], id=annotation['id']))
    sample.set_metainfo(dict(raw_ann_info=annotation))
    sample.gt_instances = InstanceData(
        keypoints=keypoints[..., :2], keypoints_visible=np.minimum(1, keypoints[..., 2]), bboxes=boxes
    )
    sample.pred_instances = InstanceData(
        keypoints=points[None].astype(np.float32), keypoint_scores=confidences[None], bboxes=boxes, **fields
    )
    return sample


def make_samples(people):
    return [make_sample(*person) for person in zip(*people, strict=True)]


def expected_figures(pairs, sigmas):
    """The figures by slow loops and scipy; pairs of an annotation with its area, points (K, 2) and confidences (K,)."""
    joint, person = [], []
    for annotation, area, points, confidences in pairs:
        own = []
        for k, (x, y, visible) in enumerate(np.reshape(annotation['keypoints'], (-1, 3))):
            if visible > 0:
                squared = (points[k][0] - x) ** 2 + (points[k][1] - y) ** 2
                own.append((confidences[k], math.exp(-squared / (2 * area * (2 * sigmas[k]) ** 2))))
        joint += own
        if own:
            person.append((np.mean(confidences), np.mean([oks for _, oks in own])))
    joint, person = np.array(joint), np.array(person)
    values = [
        correlation(*pairs.T)[0] for pairs in (joint, person) for correlation in (stats.pearsonr, stats.spearmanr)
    ]
    parts = [joint[np.clip(10 * joint[:, 0], 0, 9).astype(int) == part] for part in range(10)]
    error = sum(abs((part[:, 0] - part[:, 1]).sum()) for part in parts) / len(joint)
    return dict(zip(FIGURES, [*values, error], strict=True))


# ---------------------------------------------------------------------------------------------
# figures


def test_by_hand():
    """Two people of area 100 with two joints, sigma 1/4: a joint sqrt(50 log(1 / s)) pixels off has similarity s."""
    half, fifth = np.zeros((2, 2, 2))
    half[1, 1], fifth[0, 0] = math.sqrt(50 * math.log(2)), math.sqrt(50 * math.log(5))
    first = dict(id=1, image_id=1, bbox=[0, 0, 20, 20], area=100, keypoints=[10, 10, 2, 5, 5, 1])
    other = dict(id=2, image_id=2, bbox=[0, 0, 20, 20], area=100, keypoints=[10, 10, 2, 0, 0, 0])
    targets = np.array([[10.0, 10], [5, 5]])
    samples = [
        make_sample(first, targets + half, np.array([0.9, 0.4])),
        make_sample(other, targets + fifth, np.array([0.5, 0.1])),
    ]
    figures = measure(build_metric(made_up(2, 0.25)), samples)
    # joints: (.9, 1), (.4, .5), (.5, .2); people: (.65, .75), (.3, .2), unlabeled joints count for the confidence only
    assert list(figures) == FIGURES
    assert figures['Pearson'] == pytest.approx(stats.pearsonr([0.9, 0.4, 0.5], [1, 0.5, 0.2])[0], rel=1e-6)
    assert figures['Spearman'] == pytest.approx(0.5)  # ranks 3 1 2 and 3 2 1
    assert figures['Pearson (person)'] == pytest.approx(1)
    assert figures['Spearman (person)'] == pytest.approx(1)
    assert figures['ECE'] == pytest.approx((0.1 + 0.1 + 0.3) / 3, rel=1e-6)


def test_against_loops_and_scipy():
    annotations, points, confidences = make_people()
    figures = measure(build_metric(), make_samples((annotations, points, confidences)))
    areas = [annotation['area'] for annotation in annotations]
    expected = expected_figures(zip(annotations, areas, points, confidences, strict=True), [0.05] * 5)
    assert 0.3 < expected['Pearson'] < 0.95
    assert figures == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('use_area', [True, False])
def test_oks_of_people_is_that_of_coco_metric(use_area):
    """Which runs this program, and takes .53 of the box where it may not use the area."""
    annotations, points, confidences = make_people()
    sigmas = np.array([0.026, 0.025, 0.035, 0.079, 0.107])
    coco = COCO()
    coco.dataset = dict(images=[dict(id=n) for n in range(10)], annotations=annotations, categories=[dict(id=1)])
    coco.createIndex()
    detections = [
        dict(
            image_id=n // 3, category_id=1, score=1 - n / 100, keypoints=np.insert(points[n], 2, 1, 1).ravel().tolist()
        )
        for n in range(30)
    ]
    evaluation = COCOeval(coco, coco.loadRes(detections), 'keypoints', sigmas, use_area)
    evaluation._prepare()
    oks = np.concatenate([np.diag(evaluation.computeOks(image, 1)) for image in range(10)])
    meta = made_up(sigma=sigmas)
    samples = make_samples((annotations, points, confidences))
    for sample in samples[:9]:  # MMPose cuts a box off at the border of the image
        sample.gt_instances.bboxes -= (0, 0, 15, 15)
    figures = measure(build_metric(meta, use_area=use_area), samples)
    assert figures['Pearson (person)'] == pytest.approx(stats.pearsonr(confidences.mean(1), oks)[0], rel=1e-4)


def test_sigmas_and_areas_change_the_figures():
    """Nothing is taken from elsewhere than said."""
    samples = make_samples(make_people())
    base = measure(build_metric(), samples)
    assert measure(build_metric(made_up(sigma=0.1)), samples)['Pearson'] != base['Pearson']
    assert measure(build_metric(use_area=False), samples)['Pearson'] != base['Pearson']
    # an argument stands in for the dataset's sigmas
    meta = dict(made_up(), sigmas=[])
    for sigmas in (0.05, [0.05] * 5):
        assert measure(build_metric(meta, sigmas=sigmas), samples) == base


def test_another_field():
    annotations, points, confidences = make_people()
    noise = np.random.default_rng(1).normal(size=confidences.shape)
    spread = np.stack([1 - confidences + noise, 1 - confidences - noise], -1)  # mean over the axes: 1 - confidence
    samples = [
        make_sample(annotation, point, np.ones(5), keypoint_sigmas=torch.from_numpy(sigma[None]))
        for annotation, point, sigma in zip(annotations, points, spread, strict=True)
    ]
    figures = measure(build_metric(field='keypoint_sigmas', negate=True), samples)
    expected = measure(build_metric(), make_samples((annotations, points, confidences)))
    assert list(figures) == FIGURES[:4]
    assert figures == pytest.approx({name: expected[name] for name in figures})
    falling = measure(build_metric(field='keypoint_sigmas'), samples)
    assert falling['Spearman'] == pytest.approx(-expected['Spearman'])


def test_tensors_and_depth():
    people = make_people()
    expected = measure(build_metric(), make_samples(people))
    samples = make_samples(people)
    for sample in samples:
        predicted, truth = sample.pred_instances, sample.gt_instances
        predicted.keypoints = torch.from_numpy(np.insert(predicted.keypoints, 2, 1e3, -1))
        predicted.keypoint_scores = torch.from_numpy(predicted.keypoint_scores)
        # KeypointConverter puts weights beside the visibility
        truth.keypoints_visible = np.stack([truth.keypoints_visible, np.ones((1, 5))], -1)
    assert measure(build_metric(), samples) == expected


# ---------------------------------------------------------------------------------------------
# degenerate


def test_no_labelled_joint(recwarn):
    samples = make_samples(make_people(4))
    for sample in samples:
        sample.gt_instances.keypoints_visible[:] = 0
    assert all(math.isnan(value) for value in measure(build_metric(), samples).values())
    assert not [warning for warning in recwarn if 'mmpose_ext' in str(warning.filename)]
    # and among others such a person does not count
    samples += make_samples(make_people())
    assert measure(build_metric(), samples) == measure(build_metric(), samples[4:])


def test_nothing_at_all():
    assert all(math.isnan(value) for value in measure(build_metric(), []).values())


def test_one_person():
    figures = measure(build_metric(), make_samples(make_people(1)))
    assert not math.isnan(figures['Pearson'])
    assert math.isnan(figures['Pearson (person)'])
    assert math.isnan(figures['Spearman (person)'])


def test_constant_confidence():
    annotations, points, confidences = make_people()
    figures = measure(build_metric(), make_samples((annotations, points, np.ones_like(confidences))))
    assert [math.isnan(value) for value in figures.values()] == [True] * 4 + [False]


def test_a_point_that_is_nan_is_wrong():
    annotations, points, confidences = make_people()
    far = points.copy()
    points[3, 0], far[3, 0] = np.nan, 1e6
    figures = measure(build_metric(), make_samples((annotations, points, confidences)))
    assert figures == measure(build_metric(), make_samples((annotations, far, confidences)))
    assert all(math.isfinite(value) for value in figures.values())


def test_a_confidence_that_is_nan_has_no_correlation():
    annotations, points, confidences = make_people()
    confidences[3, 0] = np.nan  # a labeled joint
    figures = measure(build_metric(), make_samples((annotations, points, confidences)))
    assert all(math.isnan(value) for value in figures.values())


# ---------------------------------------------------------------------------------------------
# who is who


def detected(people, folder, seed=1):
    """The same people from detected boxes: shifted, some twice or of nothing; without labels, as MMPose leaves them."""
    annotations, points, confidences = people
    rng = np.random.default_rng(seed)
    path = folder / 'annotations.json'
    crowd = dict(annotations[0], id=99, iscrowd=1, keypoints=[0] * 15)
    path.write_text(json.dumps(dict(annotations=[crowd, *annotations, dict(id=100, image_id=0)])))
    samples = []
    for annotation, point, confidence in zip(annotations, points, confidences, strict=True):
        x, y, width, height = annotation['bbox']
        near, nearer, elsewhere = [x + 0.1 * width, y, width, height], [x, y + 1, width, height], [900, 900, 9, 9]
        samples.append(make_sample(dict(annotation, bbox=nearer), point, confidence))
        samples.append(make_sample(dict(annotation, bbox=near), point + 50, 1 - confidence))
        samples.append(make_sample(dict(annotation, bbox=elsewhere), point, confidence))
    rng.shuffle(samples)
    samples.append(make_sample(dict(annotations[0], image_id='not in the file'), points[0], confidences[0]))
    for sample in samples:
        sample.gt_instances.keypoints[:] = 0
        sample.gt_instances.keypoints_visible[:] = 1
        sample.pop('raw_ann_info')
    return str(path), samples


@pytest.mark.parametrize('use_area', [True, False])
def test_detected_boxes_are_assigned_to_people(use_area, tmp_path):
    people = make_people()
    path, samples = detected(people, tmp_path)
    metric = build_metric(ann_file=path, use_area=use_area)
    expected = measure(build_metric(use_area=use_area), make_samples(people))
    assert measure(metric, samples) == pytest.approx(expected, rel=1e-4)
    assert measure(metric, samples) == pytest.approx(expected, rel=1e-4)  # the next epoch


def test_people_without_a_prediction_are_left_out(tmp_path):
    people = make_people()
    path, _ = detected(people, tmp_path)
    _, samples = detected([values[6:] for values in people], tmp_path / '..')
    expected = measure(build_metric(), make_samples([values[6:] for values in people]))
    assert measure(build_metric(ann_file=path), samples) == pytest.approx(expected, rel=1e-4)


def test_bottom_up_people_are_assigned_by_their_boxes():
    """One sample for a image, predictions in another order than the labels, one too many, one person not found."""
    people = make_people(3)
    single = make_samples(people)
    order = [2, 0]
    box = np.array([[900, 900, 950, 950]])
    sample = PoseDataSample(metainfo=dict(img_id=0, id=[1, 2, 3]))
    sample.set_metainfo(dict(raw_ann_info=people[0]))
    sample.gt_instances = InstanceData.cat([one.gt_instances for one in single])
    boxes = sample.gt_instances.bboxes
    sample.pred_instances = InstanceData(
        keypoints=np.concatenate([people[1][order], people[1][:1]]),
        keypoint_scores=np.concatenate([people[2][order], people[2][:1]]),
        bboxes=np.concatenate([boxes[order], box]),
    )
    empty = PoseDataSample(metainfo=dict(img_id=1, id=[]))
    empty.set_metainfo(dict(raw_ann_info=None))
    empty.gt_instances = InstanceData()
    empty.pred_instances = sample.pred_instances
    figures = measure(build_metric(), [sample, empty])
    assert figures == pytest.approx(measure(build_metric(), [single[n] for n in order]), rel=1e-4)


# ---------------------------------------------------------------------------------------------
# in MMEngine


def test_padded_samples_of_several_processes_are_cut_off():
    """MMEngine cuts the list of results at the size of the dataset, and sends it between processes."""
    samples = make_samples(make_people(9))
    expected = measure(build_metric(), samples)
    metric = build_metric()
    metric.process(None, [sample.to_dict() for sample in [*samples, *samples[:3]]])
    assert len(metric.results) == 12
    metric.results = pickle.loads(pickle.dumps(metric.results))
    assert metric.evaluate(9) == {f'confidence/{name}': value for name, value in expected.items()}


def test_two_of_them_in_one_evaluator():
    samples = make_samples(make_people())
    both = [build_metric(), build_metric(negate=True, prefix='negated')]
    evaluator = Evaluator(both)
    evaluator.process(samples)
    figures = evaluator.evaluate(len(samples))
    assert figures['negated/Spearman'] == pytest.approx(-figures['confidence/Spearman'])
    evaluator = Evaluator([build_metric(), build_metric(negate=True)])
    evaluator.process(samples)
    with pytest.raises(ValueError, match='same metric name'):
        evaluator.evaluate(len(samples))


JOINTS = {'coco': 17, 'crowdpose': 14, 'coco_wholebody_hand': 21, 'onehand10k': 21, 'wflw': 98}


@pytest.mark.parametrize('name', JOINTS)
def test_data_sets_of_mmpose(name):
    meta = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    joints = JOINTS[name]
    people = make_people(10, joints)
    if name in ('onehand10k', 'wflw'):  # no sigmas: said when the evaluator is built, before a training starts
        message = rf"'sigmas' must be a number or {joints} of them, .* dataset {name}, .*; got \[\]"
        with pytest.raises(ValueError, match=message):
            build_metric(meta)
        metric = build_metric(meta, sigmas=0.05)
        sigmas = np.full(joints, 0.05)
    else:
        metric, sigmas = build_metric(meta), meta['sigmas']
    pairs = [(annotation, annotation['area'], *rest) for annotation, *rest in zip(*people, strict=True)]
    assert measure(metric, make_samples(people)) == pytest.approx(expected_figures(pairs, sigmas), rel=1e-4)


def test_a_data_set_without_raw_annotations():
    """Faces and hands: the box of the sample gives the area."""
    people = make_people()
    samples = make_samples(people)
    for sample in samples:
        sample.pop('raw_ann_info')
    expected = measure(build_metric(use_area=False), make_samples(people))
    assert measure(build_metric(use_area=False), samples) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ('change', 'arguments', 'message'),
    [
        (lambda one: one.raw_ann_info.pop('area'), {}, "'use_area' must be False .* have no 'area', got True"),
        (lambda one: one.pop('raw_ann_info'), {}, "'use_area' must be False .* have no 'area', got True"),
        (
            lambda one: (one.pop('raw_ann_info'), one.gt_instances.keypoints.fill(0)),
            {},
            "'ann_file' must be the annotation file for samples from detected boxes.*bbox_file=None.*, got None",
        ),
        (
            lambda one: one.pred_instances.pop('bboxes'),
            {},
            r"'pred_instances' must have keypoints, bboxes and keypoint_scores .*, got keypoint_scores, keypoints$",
        ),
        (
            lambda one: None,
            dict(field='keypoint_sigmas'),
            r"'pred_instances' must have .* and keypoint_sigmas \(the argument 'field'\), got bboxes, keypoint_sc",
        ),
        (
            lambda one: setattr(one.pred_instances, 'keypoints', np.zeros((1, 4, 2))),
            {},
            r"'pred_instances.keypoints' must have shape \(N, K, 2\) with K=5, got shape \(1, 4, 2\)",
        ),
        (
            lambda one: setattr(one.pred_instances, 'keypoint_scores', np.zeros((1, 4))),
            {},
            r"'pred_instances.keypoint_scores' must have shape \(N, K\) with K=5, N=1, got shape \(1, 4\)",
        ),
        (
            lambda one: setattr(one.gt_instances, 'keypoints', np.ones((1, 4, 2))),
            {},
            r"'gt_instances.keypoints' must have shape \(M, K, 2\) with K=5, got shape \(1, 4, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_named(change, arguments, message):
    sample = make_samples(make_people(1))[0]
    change(sample)
    with pytest.raises(ValueError, match=message):
        build_metric(**arguments).process(None, [sample.to_dict()])


def test_annotations_of_other_joints_are_named(tmp_path):
    path, _ = detected(make_people(3, 4), tmp_path)
    sample = make_samples(make_people(1))[0]
    sample.pop('raw_ann_info')
    sample.gt_instances.keypoints[:] = 0
    with pytest.raises(ValueError, match=r"'keypoints' of annotation 1 must be 15 numbers, got 12"):
        build_metric(ann_file=path).process(None, [sample.to_dict()])


# ---------------------------------------------------------------------------------------------
# real runs

CONFIG = """
_base_ = '{base}'

data_root = '{folder}/'
evaluated = dict(
    num_workers=0,
    persistent_workers=False,
    batch_size=4,
    dataset=dict(
        type='{data_set}',
        data_root='',
        ann_file=data_root + 'test_{name}.json',
        data_prefix=dict(img=data_root),
        bbox_file={bbox_file},
        filter_cfg=dict(bbox_score_thr=0.3),
    ),
)
test_dataloader = evaluated
test_evaluator = {evaluator}
model = dict(head=dict(out_channels={joints}, deconv_out_channels=(8, 8, 8)))
randomness = dict(seed=0)
"""
COCO_METRIC = "dict(type='CocoMetric', ann_file=data_root + 'test_coco.json')"


def run_test(tmp_path, folder, evaluator, name='coco', data_set='CocoDataset', joints=17, bbox_file='None'):
    """Figures and predictions of a random network, as tools/test.py --out --dump writes them."""
    path, weights = tmp_path / 'config.py', tmp_path / 'weights.pth'
    base = config_path('dark/dark_res18_1xb32-10e_synthetic-128x96')
    text = CONFIG.format(
        base=base, folder=folder.as_posix(), name=name, data_set=data_set, joints=joints, bbox_file=bbox_file,
        evaluator=evaluator,
    )  # fmt: skip
    path.write_text(text)
    torch.manual_seed(0)
    config = Config.fromfile(path)
    torch.save(MODELS.build(config.model).state_dict(), weights)
    out, dump = tmp_path / 'metrics.json', tmp_path / 'predictions.pkl'
    # MMEngine keeps visualizers by name for the whole process
    options = {'log_level': 'ERROR', 'visualizer.name': tmp_path.name}
    evaluate(str(path), str(weights), str(tmp_path), str(out), str(dump), cfg_options=options)
    return json.loads(out.read_text()), pickle.loads(dump.read_bytes())


def figures_of_dump(dump, annotations, sigmas, area_of):
    """What the predictions of a dump, one for each annotation, have to give."""
    by_id = {annotation['id']: annotation for annotation in annotations}
    pairs = []
    for sample in dump:
        annotation, predicted = by_id[sample['id']], sample['pred_instances']
        pairs.append((annotation, area_of(annotation), predicted['keypoints'][0], predicted['keypoint_scores'][0]))
    return {f'confidence/{name}': value for name, value in expected_figures(pairs, sigmas).items()}


def test_beside_coco_metric_on_real_pictures(sample_images, tmp_path):
    folder = sample_images('coco')
    evaluator = f"[{COCO_METRIC}, dict(type='mmpose_ext.ConfidenceCorrelation')]"
    metrics, dump = run_test(tmp_path, folder, evaluator)
    annotations = json.loads((folder / 'test_coco.json').read_text())['annotations']
    sigmas = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))['sigmas']
    expected = figures_of_dump(dump, annotations, sigmas, lambda annotation: annotation['area'])
    assert len(dump) == 12
    assert 'coco/AP' in metrics
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert all(math.isfinite(value) for value in expected.values())


def test_on_detected_boxes_of_real_pictures(sample_images, tmp_path):
    folder = sample_images('coco')
    evaluator = f"[{COCO_METRIC}, dict(type='mmpose_ext.ConfidenceCorrelation', ann_file=data_root + 'test_coco.json')]"
    metrics, dump = run_test(
        tmp_path, folder, evaluator, bbox_file="data_root + 'test_coco_det_AP_H_56.json'"
    )  # fmt: skip
    assert len(dump) > 12  # more boxes than people
    assert all(math.isfinite(metrics[f'confidence/{name}']) for name in FIGURES)
    assert 'coco/AP' in metrics


def test_crowds_have_no_areas(sample_images, tmp_path):
    folder = sample_images('crowdpose')
    evaluator = "dict(type='mmpose_ext.ConfidenceCorrelation', use_area=False)"
    metrics, dump = run_test(tmp_path, folder, evaluator, 'crowdpose', 'CrowdPoseDataset', 14)
    annotations = json.loads((folder / 'test_crowdpose.json').read_text())['annotations']
    sigmas = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/crowdpose.py'))['sigmas']
    expected = figures_of_dump(dump, annotations, sigmas, lambda one: 0.53 * one['bbox'][2] * one['bbox'][3])
    assert metrics == pytest.approx(expected, rel=1e-3, abs=1e-6)
