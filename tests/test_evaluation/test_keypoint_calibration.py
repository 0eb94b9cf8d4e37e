"""The metric of confidences and covariances, against loops."""

import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from sklearn.metrics import roc_auc_score

from mmpose_ext.registry import METRICS

JOINTS, SIGMA = 4, 0.05
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def build(**arguments):
    metric = METRICS.build(dict(type='mmpose_ext.KeypointCalibration', **arguments))
    metric.dataset_meta = dict(dataset_name='made up', num_keypoints=JOINTS, sigmas=np.full(JOINTS, SIGMA))
    return metric


def measure(metric, samples):
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    return {name.removeprefix('calibration/'): value for name, value in evaluator.evaluate(len(samples)).items()}


def people(count=80, seed=0, covariances=True, scale=1.0):
    """Samples whose errors have the covariances that are predicted, divided by a scale, and what is in them."""
    rng = np.random.default_rng(seed)
    samples, rows = [], []
    for n in range(count):
        targets = rng.uniform(30, 170, (JOINTS, 2))
        visible = (rng.random(JOINTS) < 0.7).astype(float)
        visible[0] = 1
        factors = rng.normal(size=(JOINTS, 2, 2)) * 4
        spread = factors @ factors.swapaxes(-1, -2) + np.eye(2)
        errors = np.stack([rng.multivariate_normal(np.zeros(2), one) for one in spread])
        confidences = np.clip(1 - np.linalg.norm(errors, axis=1) / 20 + rng.normal(0, 0.2, JOINTS), 0, 1)
        box = np.array([[10.0, 10, 190, 190]])
        sample = PoseDataSample(metainfo=dict(img_id=n, ori_shape=(200, 200)))
        annotation = dict(area=100.0**2, bbox=[10, 10, 180, 180], keypoints=[0] * 3 * JOINTS)
        sample.set_metainfo(dict(raw_ann_info=annotation))
        sample.gt_instances = InstanceData(keypoints=targets[None], keypoints_visible=visible[None], bboxes=box)
        found = dict(keypoints=(targets - errors)[None], keypoint_scores=confidences[None], bboxes=box)
        if covariances:
            found['keypoint_covariances'] = torch.from_numpy(spread[None] * scale)
        sample.pred_instances = InstanceData(**found)
        samples.append(sample)
        rows += [(*row, n) for row in zip(errors, spread * scale, confidences, visible, strict=True)]
    return [sample.to_dict() for sample in samples], rows


@pytest.mark.parametrize('threshold', [0.5, 0.8])
def test_figures_are_those_of_a_loop(threshold):
    samples, rows = people()
    found = measure(build(threshold=threshold), samples)
    oks, confidences, likelihoods, lengths = [], [], [], []
    for error, covariance, confidence, visible, _ in rows:
        if not visible:
            continue
        oks.append(math.exp(-(error @ error) / (2 * 100.0**2 * (2 * SIGMA) ** 2)))
        confidences.append(confidence)
        squared = error @ np.linalg.inv(covariance) @ error
        lengths.append(math.sqrt(squared))
        likelihoods.append(0.5 * squared + 0.5 * math.log(np.linalg.det(covariance)) + math.log(2 * math.pi))
    oks, confidences, lengths = np.array(oks), np.array(confidences), np.array(lengths)
    right = oks > threshold
    assert found['NLL'] == pytest.approx(np.mean(likelihoods))
    for level in (0.5, 0.9, 0.95):
        expected = (lengths <= math.sqrt(-2 * math.log(1 - level))).mean()
        assert found[f'coverage@{100 * level:.0f}'] == pytest.approx(expected)
        assert expected == pytest.approx(level, abs=0.06)
    assert found['AUROC'] == pytest.approx(roc_auc_score(right, confidences))
    for name, values in {'ECE (OKS)': oks, 'ECE (right)': right}.items():
        error = 0.0
        for part in range(10):
            chosen = (np.minimum((confidences * 10).astype(int), 9)) == part
            error += abs(confidences[chosen].sum() - values[chosen].sum()) / len(oks)
        assert found[name] == pytest.approx(error)


def test_too_narrow_covariances_hold_less():
    narrow, wide = (measure(build(), people(scale=scale)[0]) for scale in (0.2, 5.0))
    assert narrow['coverage@90'] < 0.5
    assert wide['coverage@50'] > 0.9
    student = measure(build(family='student_t', shape=(1.0,)), people(scale=0.2)[0])
    assert student['coverage@90'] > narrow['coverage@90']


def test_predictions_of_mmpose_need_no_covariances():
    found = measure(build(), people(covariances=False)[0])
    assert sorted(found) == ['AP (mean score)', 'AUROC', 'ECE (OKS)', 'ECE (right)']


def test_joints_with_depth_are_measured_on_x_and_y():
    samples, _ = people()
    expected = measure(build(), samples)
    for sample in samples:
        found = sample['pred_instances']
        found['keypoints'] = np.insert(found['keypoints'], 2, 1e4, -1)
        deep = torch.full((1, JOINTS, 3, 3), 1e3, dtype=torch.float64)
        deep[..., :2, :2] = found['keypoint_covariances']
        found['keypoint_covariances'] = deep
    assert measure(build(), samples) == pytest.approx(expected)


def test_joints_without_a_label_or_outside_of_the_image_do_not_count():
    samples, _ = people()
    expected = measure(build(), samples)
    for sample in samples:
        truth, found = sample['gt_instances'], sample['pred_instances']
        hidden = truth['keypoints_visible'][0] == 0
        found['keypoints'][0, hidden] += 1e6  # would change everything
        outside = np.flatnonzero(hidden)[:1]  # a label beyond the border counts as none
        truth['keypoints_visible'][0, outside] = 1
        truth['keypoints'][0, outside] = -30.0
    assert measure(build(), samples) == pytest.approx(expected)
    for sample in samples:
        sample.pop('ori_shape')  # nobody knows the border
    assert measure(build(), samples)['coverage@90'] < expected['coverage@90']


def test_hostile_predictions_have_defined_figures():
    samples, rows = people()
    labeled = np.array([row[3] for row in rows]) > 0
    first = samples[0]['pred_instances']
    first['keypoint_covariances'][0, 0] = float('nan')
    samples[1]['pred_instances']['keypoint_covariances'][0, 0] = 0.0
    samples[2]['pred_instances']['keypoints'][0, 0] = np.inf
    found = measure(build(), samples)
    assert math.isfinite(found['NLL'])
    clean = measure(build(), people()[0])
    assert clean['coverage@95'] - 3.01 / labeled.sum() < found['coverage@95'] <= clean['coverage@95']
    first['keypoint_scores'][0, 0] = np.nan
    found = measure(build(), samples)
    assert math.isnan(found['ECE (OKS)'])
    for sample in samples:
        sample['gt_instances']['keypoints_visible'][:] = 0
    assert all(math.isnan(value) for value in measure(build(), samples).values())


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="'threshold' must be"):
        build(threshold=1.0)
    with pytest.raises(ValueError, match="'family' must be"):
        build(family='cauchy')
    with pytest.raises(ValueError, match="'shape' must be"):
        build(family='student_t', shape=(-1.0,))
