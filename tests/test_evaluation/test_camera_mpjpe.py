"""MPJPE in the camera frame: known answers by hand, MMPose's functions, degenerate poses."""

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import keypoint_mpjpe
from mmpose.structures import PoseDataSample

from mmpose_ext.functional import Camera, project_points
from mmpose_ext.registry import METRICS

pytestmark = pytest.mark.usefixtures('mmpose_scope')
NAMES = ['root', 'left_hip', 'right_hip', 'head']
CAMERA = dict(f=(1000.0, 500.0), c=(320.0, 240.0))
# 4 m away: a pixel is 4 mm in x and 8 mm in y
TRUTH = np.array([[0, 0, 4000], [100, 0, 4000], [-100, 0, 4000], [0, -600, 4000]], np.float64)


def make_sample(points, truth=TRUTH, camera=None, **more):
    """Pixels and depths of the predicted points (K, 3), all of the camera frame."""
    param = CAMERA if camera is None else camera
    root_depth = truth[0, 2]
    pixels = project_points(points, Camera.from_param(param))
    sample = PoseDataSample(
        metainfo=dict(raw_ann_info=dict(keypoints_cam=truth, root_depth=root_depth, camera_param=param, **more))
    )
    predicted = np.column_stack([pixels, points[:, 2] - root_depth])[None]
    sample.pred_instances = InstanceData(keypoints=predicted.astype(np.float64))
    sample.gt_instances = InstanceData(keypoints=predicted)
    return sample


def measure(samples, names=NAMES, size=None, **arguments):
    evaluator = Evaluator(METRICS.build(dict(type='mmpose_ext.CameraMPJPE', **arguments)))
    evaluator.dataset_meta = dict(
        dataset_name='made up', num_keypoints=len(names), keypoint_id2name=dict(enumerate(names))
    )
    if samples:
        evaluator.process(samples)
    figures = evaluator.evaluate(len(samples) if size is None else size)
    return {name.removeprefix('3d/'): value for name, value in figures.items()}


def test_pixels_and_depth_by_hand():
    """25 pixels to the right are 100 mm at 4 m; the head 300 mm farther at its pixel is also 45 mm higher."""
    sample = make_sample(TRUTH)
    sample.pred_instances.keypoints = np.array([[[320.0, 240, 0], [370, 240, 0], [295, 240, 0], [320, 165, 300]]])
    figures = measure([sample])
    head = np.hypot(300, 600 * 300 / 4000)
    assert figures['MPJPE'] == pytest.approx((0 + 100 + 0 + head) / 4)
    assert figures['error x'] == pytest.approx(100 / 4)
    assert figures['error y'] == pytest.approx(45 / 4)
    assert figures['error z'] == pytest.approx(300 / 4)
    assert figures['samples'] == 1


def test_roots_are_moved_to_the_origin_first():
    """A person at another place is right; with a wrong root alone, all other joints are wrong."""
    assert measure([make_sample(TRUTH + np.array([50, -20, 90]))])['MPJPE'] == pytest.approx(0, abs=1e-9)
    wrong = TRUTH.copy()
    wrong[0, 0] += 40
    assert measure([make_sample(wrong)])['MPJPE'] == pytest.approx(3 / 4 * 40)
    # the middle of the hips is not touched
    assert measure([make_sample(wrong)], root=('left_hip', 'right_hip'))['MPJPE'] == pytest.approx(40 / 4)


def test_alignment_takes_size_and_direction_out():
    turned = (TRUTH - TRUTH[0]) @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]) * 0.5 + TRUTH[0]
    figures = measure([make_sample(turned)])
    assert figures['PA-MPJPE'] == pytest.approx(0, abs=1e-9)
    expected = (0 + np.hypot(100, 50) * 2 + 300) / 4
    assert figures['MPJPE'] == pytest.approx(expected)


def random_samples(count=8, seed=0, camera=None):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 300, (count, 17, 3)) + np.array([0, 0, 4000])
    points = truth + rng.normal(0, 60, truth.shape)
    actions = ['Eating', 'Sitting', 'Sitting', 'Walking']
    samples = [
        make_sample(*pair, camera=camera, action=actions[number % 4])
        for number, pair in enumerate(zip(points, truth, strict=True))
    ]
    return samples, points, truth


def test_figures_are_mmposes():
    """All joints labeled: MMPose's function on root-relative poses, and with its alignment; through a lens."""
    lens = dict(f=(1145.0, 1143.8), c=(512.5, 515.5), k=(-0.207, 0.248, -0.003), p=(-0.0014, -0.001))
    samples, points, truth = random_samples(camera=lens)
    figures = measure(samples, [f'joint {number}' for number in range(16)] + ['root'])
    everything = np.ones(truth.shape[:2], bool)
    relative = [poses - poses[:, 16:] for poses in (points, truth)]
    assert figures['MPJPE'] == pytest.approx(keypoint_mpjpe(*relative, everything), abs=1e-6)
    assert figures['PA-MPJPE'] == pytest.approx(keypoint_mpjpe(points, truth, everything, 'procrustes'), abs=1e-6)


def test_actions():
    """Each action's figure, their mean, and the mean of all samples: twice as many sit as eat."""
    samples = [
        make_sample(TRUTH + np.array([[0, 0, 0]] * 3 + [[0, 0, error]]), action=action)
        for action, error in [('Eating', 40), ('Sitting', 80), ('Sitting', 160)]
    ]
    figures = measure(samples, root=('left_hip', 'right_hip'))
    assert figures['MPJPE Eating'] == pytest.approx(10)
    assert figures['MPJPE Sitting'] == pytest.approx(30)
    assert figures['MPJPE (actions)'] == pytest.approx(20)
    assert figures['MPJPE'] == pytest.approx(70 / 3)
    single = [figures[f'PA-MPJPE {action}'] for action in ('Eating', 'Sitting')]
    assert figures['PA-MPJPE (actions)'] == pytest.approx(np.mean(single))
    assert next(iter(figures)) == 'MPJPE'  # what CheckpointHook's save_best='auto' takes
    assert not [name for name in measure([make_sample(TRUTH)]) if '(' in name]


def test_joints_without_a_label_do_not_count():
    truth, points = TRUTH.copy(), TRUTH + np.array([[0, 0, 0], [10, 0, 0], [0, 0, 0], [0, 0, 1e5]])
    truth[3] = np.nan
    figures = measure([make_sample(points, truth)])
    assert figures['MPJPE'] == pytest.approx(10 / 3)
    assert np.isfinite(figures['PA-MPJPE'])
    assert figures['error z'] == pytest.approx(0, abs=1e-9)


def test_people_without_a_root_are_left_out(caplog):
    truth = TRUTH.copy()
    truth[1] = np.nan
    figures = measure([make_sample(TRUTH + 7), make_sample(TRUTH, truth)], root=('left_hip', 'right_hip'))
    assert figures['samples'] == 1
    assert figures['MPJPE'] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize('degenerate', ['one joint', 'line', 'one place'])
def test_degenerate_poses_are_finite(degenerate):
    truth, points = TRUTH.copy(), TRUTH + np.arange(12.0).reshape(4, 3)
    if degenerate == 'one joint':
        truth[1:] = np.nan
    elif degenerate == 'line':
        points = TRUTH[0] + np.arange(4)[:, None] * (10.0, 20, 30)
    else:
        points = np.broadcast_to(TRUTH[0], (4, 3))
    figures = measure([make_sample(points, truth)])
    assert np.isfinite([*figures.values()]).all()
    if degenerate == 'one joint':
        assert figures['MPJPE'] == figures['PA-MPJPE'] == pytest.approx(0, abs=1e-9)
    if degenerate == 'one place':
        middle = TRUTH.mean(0)
        assert figures['PA-MPJPE'] == pytest.approx(np.linalg.norm(TRUTH - middle, axis=1).mean())


def test_broken_predictions_show():
    points = TRUTH.copy()
    points[3, 2] = np.nan
    figures = measure([make_sample(points, action='Eating'), make_sample(TRUTH, action='Sitting')])
    assert np.isnan([figures['MPJPE'], figures['PA-MPJPE'], figures['MPJPE Eating']]).all()
    assert figures['MPJPE Sitting'] == pytest.approx(0, abs=1e-9)


def test_padded_samples_are_cut_off():
    """Several processes get the last samples twice; MMEngine hands on the first ``size`` results."""
    samples, *_ = random_samples(5)
    names = ['root', *map(str, range(16))]
    assert measure(samples, names, size=4) == measure(samples[:4], names)


def test_unfit_samples():
    sample = make_sample(TRUTH)
    sample.set_metainfo(dict(raw_ann_info=dict(keypoints_cam=TRUTH)))
    with pytest.raises(ValueError, match=r"'raw_ann_info' must hold .*; got none of \['root_depth', 'camera_param'\]"):
        measure([sample])
    sample = make_sample(TRUTH)
    sample.pred_instances.keypoints = np.zeros((1, 4, 2))
    with pytest.raises(ValueError, match=r"'pred_instances.keypoints' must have shape \(1, K, 3\)"):
        measure([sample])
    with pytest.raises(ValueError, match=r"'root' must be joints of the dataset"):
        measure([make_sample(TRUTH)], root=('pelvis',))
