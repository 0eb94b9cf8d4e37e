"""Fits of a calibration on people whose errors are known, and the program."""

import json
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmengine.visualization import Visualizer
from scipy import stats

from mmpose_ext.apis.predict import predict
from mmpose_ext.apis.predict.pose_model import TorchPoseModel
from mmpose_ext.apis.test import evaluate
from mmpose_ext.evaluation import JointPairs
from mmpose_ext.functional import (
    ERROR_FAMILIES,
    dark_refine,
    find_peaks,
    keypoint_oks,
    map_covariances,
    scale_covariances,
)
from mmpose_ext.lab.calibration import calibrate, figures, fit_calibration, split_people
from mmpose_ext.lab.calibration import run as run_module
from mmpose_ext.lab.calibration.covariance_fit import conformal_radii, fit_covariances
from mmpose_ext.lab.calibration.family_fit import fit_family
from mmpose_ext.lab.calibration.images import draw_ellipses
from mmpose_ext.lab.calibration.score_fit import fit_curve, isotonic_curve
from mmpose_ext.runtime.calibration import read_calibration

JOINTS = 4
NAMES = tuple(f'joint {n}' for n in range(JOINTS))
SCALES = np.array([0.5, 1.0, 2.0, 8.0])


def known_lengths(family, count=1500, seed=0, degrees=2.5):
    """Lengths (P, K) of a family with a scale for each joint."""
    rng = np.random.default_rng(seed)
    lengths = dict(
        gaussian=lambda: np.sqrt(rng.chisquare(2, (count, JOINTS))),
        laplace=lambda: rng.gamma(2, 1.0, (count, JOINTS)),
        student_t=lambda: np.sqrt(2 * rng.f(2, degrees, (count, JOINTS))),
        mixture=lambda: np.sqrt(rng.chisquare(2, (count, JOINTS)) * rng.choice([1, 40], (count, JOINTS), p=[0.8, 0.2])),
        mixture3=lambda: np.sqrt(
            rng.chisquare(2, (count, JOINTS)) * rng.choice([1, 8, 100], (count, JOINTS), p=[0.5, 0.3, 0.2])
        ),
    )[family]()
    return lengths * np.sqrt(SCALES)


@pytest.mark.parametrize('family', ['gaussian', 'laplace', 'student_t', 'mixture', 'mixture3'])
def test_the_right_family_and_scale_are_found(family):
    lengths = known_lengths(family)
    labeled = np.random.default_rng(1).random(lengths.shape) < 0.8
    lengths[~labeled] = 1e9  # does not count
    scale, fits = fit_covariances(lengths, labeled, np.arange(len(lengths)), (0.5, 0.9, 0.95))
    # Student's t with many degrees of freedom, and a mixture of equal parts, are Gaussian
    assert scale.family == family or (family == 'gaussian' and min(fit.nll for fit in fits) > fits[0].nll - 2e-3)
    assert [fit.family for fit in fits] == list(ERROR_FAMILIES)
    chosen = next(fit for fit in fits if fit.family == scale.family)
    assert chosen.coverage_error < 0.02
    np.testing.assert_allclose(scale.joint_scales, SCALES, rtol=0.2)
    if family == 'student_t':
        assert scale.shape[0] == pytest.approx(2.5, rel=0.2)
    if family == 'mixture':
        assert scale.shape == pytest.approx((0.2, 40), rel=0.2)
    if family == 'mixture3':
        assert scale.shape == pytest.approx((0.3, 8, 0.2, 100), rel=0.25)
    others = known_lengths(family, 8000, seed=5) / np.sqrt(scale.joint_scales)
    for radius, level in zip(scale.radii, scale.levels, strict=True):
        assert (others <= radius).mean() == pytest.approx(level, abs=0.02)


def test_student_t_is_the_maximum_of_the_likelihood():
    lengths = known_lengths('student_t', 600) / np.sqrt(SCALES)
    found = fit_family(lengths, np.ones_like(lengths, bool), 'student_t')

    def loss(degrees, scale):
        return -stats.f.logpdf(lengths**2 / scale / 2, 2, degrees).mean() + np.log(scale)

    best = loss(found.shape[0], found.scale)
    for change in (0.93, 1.07):
        assert loss(found.shape[0] * change, found.scale) > best - 1e-4
        assert loss(found.shape[0], found.scale * change) > best


def test_few_labels_take_the_scale_of_all_joints():
    lengths = known_lengths('gaussian', 400)
    labeled = np.ones_like(lengths, bool)
    labeled[:, 3] = False
    labeled[10:, 0] = False
    labeled[40:, 1] = False
    found = fit_family(lengths, labeled, 'gaussian')
    assert found.joint_scales[0] == found.joint_scales[3] == found.scale
    alone = (lengths[:40, 1] ** 2).mean() / 2
    assert min(alone, found.scale) < found.joint_scales[1] < max(alone, found.scale)


def test_without_a_label_nothing_is_fitted():
    lengths = np.ones((300, JOINTS))
    with pytest.raises(ValueError, match='got none'):
        fit_family(lengths, np.zeros_like(lengths, bool), 'gaussian')
    with pytest.raises(ValueError, match='got none'):
        fit_family(np.full_like(lengths, np.inf), np.ones_like(lengths, bool), 'gaussian')


def test_errors_of_zero_and_infinite_errors_do_no_harm():
    lengths = known_lengths('laplace', 400)
    lengths[:30] = 0.0
    lengths[30:60] = np.inf
    scale, _ = fit_covariances(lengths, np.ones_like(lengths, bool), np.arange(400), (0.5, 0.95))
    assert (scale.joint_scales > 0).all() and np.isfinite(scale.joint_scales).all()
    # an error that no ellipse holds counts as one
    assert (scale.conformal_radii[1] == np.inf).all()


def test_conformal_radii_hold_their_share_of_new_people():
    """The mean over many samples is between the level and the level + 1 / (n + 1)."""
    rng = np.random.default_rng(0)
    count, level, inside = 19, 0.9, []
    for _ in range(4000):
        lengths = rng.gamma(1.3, size=(count + 1, 1))
        radius = conformal_radii(lengths[:-1], np.ones((count, 1), bool), [level])[0, 0]
        inside.append(lengths[-1, 0] <= radius)
    assert level - 0.015 < np.mean(inside) < level + 1 / (count + 1) + 0.015
    few = conformal_radii(np.ones((8, 1)), np.ones((8, 1), bool), [0.5, 0.9])
    assert few[0, 0] == 1 and few[1, 0] == np.inf
    assert (conformal_radii(np.ones((8, 1)), np.zeros((8, 1), bool), [0.5]) == np.inf).all()


def test_curves_do_not_fall_and_the_better_one_is_chosen():
    rng = np.random.default_rng(0)
    scores = rng.random(3000)
    images = np.arange(3000) // 3
    values = np.clip(scores**3 + rng.normal(0, 0.02, 3000), 0, 1)
    found = fit_curve(scores, values, images)
    assert found.method == 'power'
    np.testing.assert_allclose(found.curve(np.array([0.2, 0.7])), [0.008, 0.343], atol=0.01)
    steps = fit_curve(scores, (scores > 0.4) * 0.8 + 0.1, images)
    assert steps.method == 'isotonic'
    np.testing.assert_allclose(steps.curve(np.array([0.2, 0.7, 9.0])), [0.1, 0.9, 0.9], atol=0.02)
    curve = isotonic_curve(scores, rng.random(3000))
    assert (np.diff(curve.values) >= 0).all() and (np.diff(curve.scores) > 0).all()
    constant = fit_curve(np.ones(50), np.linspace(0, 1, 50), np.arange(50))
    assert constant.curve(np.array([1.0])) == pytest.approx(0.5, abs=0.51)
    with pytest.raises(ValueError, match='got 1'):
        fit_curve(np.array([np.nan, 1.0, np.inf]), np.zeros(3), np.arange(3))


def made_up_pairs(people=600, seed=0, covariances=True):
    """People, two in each image, whose scores and covariances say something, but not what they should."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(0.5, 0.8, (people, JOINTS)))
    errors = stats.multivariate_t(np.zeros(2), np.eye(2), df=2.0, seed=rng).rvs((people, JOINTS))
    errors = errors * spread[..., None] * np.sqrt(SCALES)[:, None]
    labeled = rng.random((people, JOINTS)) < 0.8
    labeled[:, 0] = True
    return JointPairs(
        images=np.arange(people) // 2,
        confidences=1 / (1 + 0.1 * spread),
        oks=np.exp(-(errors**2).sum(-1) / 50),
        labeled=labeled,
        errors=errors,
        areas=np.full(people, 1e4),
        covariances=np.eye(2) * spread[..., None, None] ** 2 if covariances else None,
    )


def test_halves_share_no_image():
    pairs = made_up_pairs()
    first, second = split_people(pairs, seed=3)
    assert len(first) == len(second) == 300
    assert not set(first.images) & set(second.images)
    again, _ = split_people(pairs, seed=3)
    np.testing.assert_array_equal(first.images, again.images)
    assert set(split_people(pairs, seed=4)[0].images) != set(first.images)
    with pytest.raises(ValueError, match=r'200 people .* got 199'):
        split_people(pairs.select(np.arange(199)))


def test_other_people_are_calibrated():
    fitted, measured = made_up_pairs(1500), made_up_pairs(1500, seed=9)
    fit = fit_calibration(fitted, NAMES)
    before, after = figures(measured), figures(measured, fit.calibration)
    for level in (50, 90, 95):
        assert after[f'coverage@{level}'] == pytest.approx(level / 100, abs=0.02)
        assert after[f'conformal@{level}'] == pytest.approx(level / 100, abs=0.02)
    assert after['ECE (OKS)'] <= 0.02 < before['ECE (OKS)']
    assert after['ECE (right)'] <= 0.03
    assert after['NLL'] < before['NLL']
    # these people are ranked by their mean score, which no rising curve changes
    assert fit.calibration.person_score == 'score'
    assert after['AP (chosen)'] == pytest.approx(before['AP (mean score)'], abs=1e-3)
    assert fit.calibration.covariance.family == 'student_t'
    plain = fit_calibration(made_up_pairs(covariances=False), NAMES).calibration
    assert plain.covariance is None
    assert 'NLL' not in figures(made_up_pairs(covariances=False), plain)


def test_another_ranking_is_taken_where_it_is_better():
    """Joints without a label have scores that are as high as those of wrong joints are low."""
    rng = np.random.default_rng(0)
    pairs = made_up_pairs(800)
    oks = np.clip(rng.random((800, 1)) + rng.normal(0, 0.05, (800, JOINTS)), 0, 1)
    pairs.oks[:] = oks
    pairs.labeled[:] = rng.random((800, JOINTS)) < 0.6
    pairs.labeled[:, 0] = True
    pairs.confidences[:] = np.where(pairs.labeled, 0.5 + 0.5 * oks, 0.45 * rng.random((800, JOINTS)))
    assert fit_calibration(pairs, NAMES).calibration.person_score == 'visibility'


def test_hostile_scores_do_no_harm():
    pairs = made_up_pairs()
    pairs.confidences[::7] = np.nan
    pairs.confidences[1::7] = 1e20
    calibration = fit_calibration(pairs, NAMES).calibration
    assert np.isfinite(calibration.person_scores(pairs.confidences)).all()
    assert (calibration.joint_scores(np.array([np.nan] * JOINTS)) == 0).all()
    nobody = made_up_pairs()
    nobody.labeled[:] = False
    with pytest.raises(ValueError, match='got none'):
        fit_calibration(nobody, NAMES)


def test_equal_scores_have_one_expected_oks():
    pairs = made_up_pairs()
    pairs.confidences[:] = 0.7
    calibration = fit_calibration(pairs, NAMES).calibration
    np.testing.assert_allclose(calibration.joint_scores(pairs.confidences), pairs.oks[pairs.labeled].mean(), atol=1e-3)
    found = figures(pairs, calibration)
    assert found['ECE (OKS)'] < 1e-3
    assert found['AUROC'] == 0.5
    assert found['coverage@90'] == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize('matrix', [np.full((2, 2), np.nan), np.ones((2, 2)), np.zeros((2, 2))])
def test_covariances_that_say_nothing_hold_nothing(matrix):
    """NaN, singular and 0: a tenth of them lowers the coverage of what is left, all of them are an error."""
    pairs = made_up_pairs(1000)
    pairs.covariances[:, ::4][::3] = matrix
    calibration = fit_calibration(pairs, NAMES).calibration
    assert np.isfinite(calibration.covariance.joint_scales).all()
    found = figures(pairs, calibration)
    unknown = (pairs.labeled[:, ::4][::3]).sum() / pairs.labeled.sum()
    assert found['coverage@95'] == pytest.approx(0.95 * (1 - unknown), abs=0.02)
    assert np.isfinite(found['NLL'])
    pairs.covariances[:] = matrix
    with pytest.raises(ValueError, match='covariances that are positive definite, got none'):
        fit_calibration(pairs, NAMES)


def test_no_coverage_is_claimed_for_joints_without_a_label(tmp_path):
    """Neither by the file, whose radii are unknown, nor by the drawing, which has no dot and a gray ellipse."""
    pairs = made_up_pairs()
    pairs.labeled[:, 1] = False
    pairs.errors[:, 1] = 1e6
    fit = fit_calibration(pairs, NAMES)
    content = fit.calibration.to_dict()
    assert [row[1] for row in content['covariance']['conformal_radii']] == [None] * 3
    about = content['fitted_on']
    assert about['joints'] == pairs.labeled.sum() == pairs.labeled.size - about['joints_without_a_label_in_the_image']
    assert figures(pairs, fit.calibration)['coverage@95'] == pytest.approx(0.95, abs=0.02)
    draw_ellipses(tmp_path / 'sheet.png', pairs, fit.calibration, people=1, side=100)
    cells = np.split(cv2.imread(str(tmp_path / 'sheet.png'))[24:].astype(int), JOINTS, axis=1)
    colored = [(np.ptp(cell, axis=-1) > 30).any() for cell in cells]
    assert not colored[1] and all(colored[joint] for joint in np.flatnonzero(pairs.labeled[0]))
    assert (cells[1] < 200).any()  # the gray ellipse


def test_files_and_images_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, 'predict_people', lambda *arguments: (made_up_pairs(), NAMES))
    report = calibrate('config.py', tmp_path / 'epoch_3.pth', seed=1)
    assert report.path == tmp_path / 'epoch_3.calibration.json'
    content = json.loads(report.path.read_text())
    about = content['fitted_on']
    assert (about['config'], about['checkpoint'], about['seed']) == ('config.py', 'epoch_3.pth', 1)
    assert (about['people'], about['score_method']) == (300, report.fit.expected_oks.method)
    assert content['measured']['people'] == 300
    assert read_calibration(report.path).joint_names == NAMES
    assert [image.name for image in report.images] == [
        'epoch_3.calibration.reliability.png',
        'epoch_3.calibration.ellipses.png',
    ]
    assert all(image.stat().st_size > 5000 for image in report.images)
    text = str(report)
    assert 'fitted on 300 people, measured on 300 others' in text
    assert 'student_t' in text and 'coverage@95' in text


@pytest.mark.usefixtures('mmpose_scope')
def test_a_trained_model_from_config_to_predictions(trained, tmp_path):
    """With too few people an error says so; a file that is there is applied by test and predict."""
    with pytest.raises(ValueError, match='200 people'):
        calibrate(*trained, out=tmp_path / 'it.json')
    before = list(Visualizer._instance_dict)
    pairs, names = run_module.predict_people(*trained, tmp_path / 'logs')
    assert list(Visualizer._instance_dict) == before  # the next runner of the process has its own folder
    assert len(pairs) > 3
    assert pairs.covariances.shape == (len(pairs), len(names), 2, 2)
    many = pairs.select(np.arange(300) % len(pairs))
    path = tmp_path / 'it.json'
    calibration = fit_calibration(many, names).calibration
    path.write_text(json.dumps(calibration.to_dict()))
    images = [np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)]
    plain = predict(images, *trained, covariances=True).frames[0].people
    found = predict(images, *trained, covariances=True, calibration=path).frames[0].people
    stored = read_calibration(path)
    np.testing.assert_array_equal(found.keypoints, plain.keypoints)
    np.testing.assert_allclose(found.scores, stored.joint_scores(plain.scores), atol=1e-6)
    np.testing.assert_allclose(found.covariances, stored.covariances(plain.covariances), rtol=1e-5)
    np.testing.assert_allclose(found.person_scores, stored.person_scores(plain.scores), atol=1e-6)
    options = {'test_evaluator.outfile_prefix': str(tmp_path / 'results')}
    tested = dict(work_dir=str(tmp_path / 'test'), dump=str(tmp_path / 'people.pkl'), cfg_options=options)
    evaluate(*trained, calibration=str(path), **tested)
    samples = pickle.loads((tmp_path / 'people.pkl').read_bytes())
    ranked = {one['image_id']: one['score'] for one in json.loads((tmp_path / 'results.keypoints.json').read_text())}
    assert len(samples) == len(pairs)
    for sample in samples:
        people = sample['pred_instances']
        scores = pairs.confidences[pairs.images == sample['img_id']]
        np.testing.assert_allclose(people['keypoint_scores'], stored.joint_scores(scores), atol=1e-5)
        np.testing.assert_allclose(people['pose_scores'], stored.person_scores(scores), atol=1e-5)
        # CocoMetric of the config ranks by the score of the person
        assert ranked[sample['img_id']] == pytest.approx(float(people['pose_scores'][0]), abs=1e-6)
    others = replace(calibration, joint_names=tuple(reversed(names)))
    path.write_text(json.dumps(others.to_dict()) + ' ')
    for run in (lambda: evaluate(*trained, calibration=str(path)), lambda: TorchPoseModel(*trained, calibration=path)):
        with pytest.raises(ValueError, match="'calibration' must be that of a model with the joints nose, "):
            run()


def test_real_heatmaps_are_calibrated(reference):
    """Maps of a published network on 250 people of LSPET: each half is measured with the fit of the other."""
    real = reference('real_heatmaps_lsp')
    maps, cell = torch.from_numpy(real['heatmaps']).float(), 8
    cells, scores = find_peaks(maps)
    points = (dark_refine(maps, cells, 3) + 0.5).numpy() * float(cell) - 0.5
    keypoints = real['keypoints'].astype(float)
    inside = ((keypoints >= -0.5) & (keypoints <= real['input_size'][0] - 0.5)).all(-1)
    areas = np.full(len(maps), (256 / 1.25) ** 2 * 0.53)
    pairs = JointPairs(
        images=real['lspet_index'],
        confidences=scores.numpy().astype(float),
        oks=keypoint_oks(points, keypoints, areas, np.full(14, 0.08)),
        labeled=real['labelled'] & inside,
        errors=keypoints - points,
        areas=areas,
        covariances=scale_covariances(map_covariances(maps, 3), (cell, cell)).numpy(),
    )
    halves = split_people(pairs)
    names = [str(joint) for joint in range(14)]
    before, after = [], []
    for fitted, measured in (halves, halves[::-1]):
        calibration = fit_calibration(fitted, names).calibration
        assert calibration.covariance.family in (
            'student_t',
            'mixture',
            'mixture3',
        )  # a third of the joints is somewhere else
        before.append(figures(measured))
        after.append(figures(measured, calibration))
    for level in (50, 90, 95):
        coverage = np.mean([one[f'conformal@{level}'] for one in after])
        assert coverage == pytest.approx(level / 100, abs=0.025)
        assert np.mean([one[f'coverage@{level}'] for one in after]) == pytest.approx(level / 100, abs=0.03)
        assert np.mean([one[f'coverage@{level}'] for one in before]) < coverage
    for name in ('ECE (OKS)', 'ECE (right)', 'NLL'):
        assert np.mean([one[name] for one in after]) < 0.5 * np.mean([one[name] for one in before])
