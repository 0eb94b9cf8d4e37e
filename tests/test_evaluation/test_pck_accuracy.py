"""PCK by torso and by head: known answers of each convention, and where MMPose's metrics differ."""

import json
import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.body import MpiiDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.evaluation.metrics import MpiiPCKAccuracy, PCKAccuracy
from mmpose.structures import PoseDataSample
from scipy.io import savemat

from mmpose_ext.registry import METRICS

MPII = [
    *('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'pelvis', 'thorax'),
    *('upper_neck', 'head_top', 'right_wrist', 'right_elbow', 'right_shoulder'),
    *('left_shoulder', 'left_elbow', 'left_wrist'),
]
LSP = [
    *('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle'),
    *('right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist'),
    *('neck', 'head_top'),
]
COLUMNS = ['Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle']
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def meta_of(names):
    return dict(dataset_name='made up', num_keypoints=len(names), keypoint_id2name=dict(enumerate(names)))


def make_sample(points, targets, visible, **truth):
    """A tested sample of one person (MMPose's top-down datasets and estimator): (K, 2), (K, 2), (K,)."""
    sample = PoseDataSample()
    sample.gt_instances = InstanceData(keypoints=targets[None], keypoints_visible=visible[None], **truth)
    sample.pred_instances = InstanceData(keypoints=points[None])
    return sample


def head_sample(points, targets, visible, head_size):
    return make_sample(points, targets, visible, head_size=np.array([[head_size]], np.float64))


def measure(metric, samples, names, size=None):
    """Figures without their prefix, as an evaluator gets them."""
    evaluator = Evaluator(METRICS.build(dict(metric)) if isinstance(metric, dict) else metric)
    evaluator.dataset_meta = meta_of(names)
    if samples:
        evaluator.process(samples)
    figures = evaluator.evaluate(len(samples) if size is None else size)
    return {name.rpartition('/')[2]: value for name, value in figures.items()}


def pckh(samples, size=None, **arguments):
    return measure(dict(type='mmpose_ext.PCKhAccuracy', **arguments), samples, MPII, size)


def torso_pck(samples, names=LSP, **arguments):
    return measure(dict(type='mmpose_ext.TorsoPCKAccuracy', **arguments), samples, names)


def targets_of(joints, seed=0):
    return np.random.default_rng(seed).uniform(50, 250, (joints, 2))


def moved(targets, errors):
    """Points that are so many pixels (K,) off their labels, in a direction of their own."""
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, len(targets))
    return targets + np.asarray(errors)[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)


# ---------------------------------------------------------------------------------------------
# PCKh: two people by hand


def two_people(shift=0.0):
    """One with all joints and a head of 100 pixels, one with three joints and a head of 50."""
    errors = dict.fromkeys(MPII, 0.0)
    # on the axes, so that no rounding moves the joints that are exactly at a threshold
    errors |= dict(head_top=60, left_wrist=50, right_wrist=10.5, left_elbow=10, pelvis=1000)
    targets = np.arange(32.0).reshape(16, 2)
    first = targets + np.stack([[*errors.values()], np.zeros(16)], 1) + shift
    errors = dict.fromkeys(MPII, 1000.0) | dict(right_ankle=30, left_wrist=0, thorax=0)
    second = targets + np.stack([np.zeros(16), [*errors.values()]], 1) + shift
    labeled = np.isin(MPII, ['right_ankle', 'left_wrist', 'thorax']).astype(np.float32)
    return [head_sample(first, targets, np.ones(16), 100), head_sample(second, targets, labeled, 50)]


COMMON = dict(Shoulder=100, Elbow=100, Wrist=100, Hip=100, Knee=100, Ankle=75)  # the ankles: 100 and 50


@pytest.mark.parametrize(('convention', 'head', 'at_a_tenth'), [('official', 50, 75), ('hrnet', 0, 81.25)])
def test_pckh_by_hand(convention, head, at_a_tenth):
    """16 joints count: 11 exact, then at .1, .105, .5, .6 and .6 of the head's size; pelvis and thorax do not."""
    figures = pckh(two_people(), convention=convention)
    # heights in sixteenths: 10 thresholds with 11, one with 12, 39 with 13 and the last with 14; the ends count half
    area = (10 * 11 + 12 + 39 * 13 + 14 - (11 + 14) / 2) / 16 / 50
    expected = {'Mean': 87.5, 'AUC': 100 * area, 'Mean@0.1': at_a_tenth, 'Head': head, **COMMON}
    assert [*figures] == ['Mean', 'AUC', 'Mean@0.1', *COLUMNS]
    assert figures == pytest.approx(expected)


def test_mmpose_wants_less_than_the_threshold():
    figures = measure(MpiiPCKAccuracy(), two_people(shift=-1), MPII)  # it adds 1
    assert figures['PCK'] == pytest.approx(100 * 13 / 16)  # the wrist at .5 is wrong
    assert figures['Wrist PCK'] == pytest.approx(75)
    assert figures['Head PCK'] == 0
    assert figures['PCK@0.1'] == pytest.approx(100 * 11 / 16)  # so is the elbow at .1


def test_offset_moves_the_predictions():
    assert pckh(two_people(shift=-1), offset=1.0) == pckh(two_people())
    assert pckh(two_people(shift=-1)) != pckh(two_people())


def random_people(count, names, seed=0):
    """Points, targets, visibility and sizes; some labels are missing."""
    rng = np.random.default_rng(seed)
    targets = rng.uniform(50, 250, (count, len(names), 2))
    points = targets + rng.normal(size=targets.shape) * rng.uniform(0, 30, (count, len(names), 1))
    return points, targets, rng.choice([0.0, 1.0], (count, len(names)), p=[0.2, 0.8]), rng.uniform(30, 80, count)


def expected_pckh(points, targets, visible, sizes, threshold, joints):
    """Share of correct joints in percent by MPII's program, person by person."""
    correct, total = 0, 0
    for n in range(len(points)):
        for k in joints:
            if visible[n, k]:
                total += 1
                correct += np.linalg.norm(points[n, k] - targets[n, k]) / sizes[n] <= threshold
    return 100 * correct / total


def test_pckh_against_a_loop():
    people = random_people(30, MPII)
    figures = pckh([head_sample(*person) for person in zip(*people, strict=True)])
    evaluated = [joint for joint, name in enumerate(MPII) if name not in ('pelvis', 'thorax')]
    assert figures['Mean'] == pytest.approx(expected_pckh(*people, 0.5, evaluated))
    assert figures['Mean@0.1'] == pytest.approx(expected_pckh(*people, 0.1, evaluated))
    curve = [expected_pckh(*people, step / 100, evaluated) for step in range(51)]
    assert figures['AUC'] == pytest.approx((sum(curve) - (curve[0] + curve[-1]) / 2) / 50)
    for column, pair in dict(Head=(8, 9), Shoulder=(12, 13), Wrist=(10, 15), Ankle=(0, 5)).items():
        assert figures[column] == pytest.approx(np.mean([expected_pckh(*people, 0.5, [joint]) for joint in pair]))


def test_mmpose_agrees_but_for_the_tenth_and_the_head():
    """Away from thresholds, with its pixel."""
    samples = [head_sample(*person) for person in zip(*random_people(40, MPII), strict=True)]
    theirs = measure(MpiiPCKAccuracy(), samples, MPII)
    official, hrnet = pckh(samples, offset=1.0), pckh(samples, offset=1.0, convention='hrnet')
    assert hrnet['Mean'] == official['Mean'] == pytest.approx(theirs['PCK'])
    for column in COLUMNS:
        assert hrnet[column] == pytest.approx(theirs[f'{column} PCK'])
        assert (official[column] == hrnet[column]) == (column != 'Head')
    assert official['Mean@0.1'] == pytest.approx(theirs['PCK@0.1'])
    assert hrnet['Mean@0.1'] > official['Mean@0.1']


def test_a_perfect_network_of_mmpose_is_perfect(tmp_path):
    """Its MpiiDataset trains on joints that count from 1 and its metric adds 1 to the predictions."""
    points = targets_of(16).round()
    person = dict(image='1.jpg', center=[150, 150], scale=1.0, joints=points.tolist(), joints_vis=[1] * 16)
    (tmp_path / 'mpii.json').write_text(json.dumps([person]))
    boxes = np.array([[[10.0], [20.0]], [[24.0], [38.0]]])  # corners of the head's box: 22.8 pixels apart
    savemat(tmp_path / 'heads.mat', dict(headboxes_src=boxes))
    dataset = MpiiDataset(f'{tmp_path}/mpii.json', headbox_file=f'{tmp_path}/heads.mat', test_mode=True)
    info = dataset.get_data_info(0)
    sample = make_sample(*(info[name][0] for name in ('keypoints', 'keypoints', 'keypoints_visible')))
    sample.gt_instances.head_size = info['head_size']
    assert info['head_size'] == pytest.approx(0.6 * np.hypot(14, 18))
    assert pckh([sample])['AUC'] == 100
    # 2 ** .5 pixels are .103 heads of this size
    assert measure(MpiiPCKAccuracy(), [sample], MPII)['PCK@0.1'] == 0
    assert pckh([sample], offset=1.0)['Mean@0.1'] == 0


def test_samples_without_a_head_say_so():
    with pytest.raises(ValueError, match=r"'gt_instances' must have the field head_size.*got keypoints, keypoints_vis"):
        pckh([make_sample(np.zeros((16, 2)), np.zeros((16, 2)), np.ones(16))])


@pytest.mark.parametrize('size', [np.nan, 0.0])
def test_a_person_without_a_head_is_left_out(size):
    first, second = two_people()
    second.gt_instances.head_size[:] = size
    assert pckh([first, second]) == pckh([first])


def test_convention_is_checked():
    with pytest.raises(ValueError, match="'convention' must be one of 'official', 'hrnet', got 'matlab'"):
        pckh([], convention='matlab')


# ---------------------------------------------------------------------------------------------
# PCK by the torso


def stretched(length=100.0):
    """An LSP person whose torso, left shoulder to right hip, has a length; the other diagonal is 1."""
    targets = targets_of(14)
    targets[LSP.index('left_shoulder')] = targets[LSP.index('right_hip')] + (0, -length)
    targets[LSP.index('right_shoulder')] = targets[LSP.index('left_hip')] + (1, 0)
    return targets


def test_torso_pck_by_hand():
    """14 joints: 10 exact, then at .05, .2, .25 and .3 of the torso."""
    targets = stretched().round()
    errors = np.zeros((14, 2))
    for name, error in dict(neck=5, left_knee=20, right_elbow=25, head_top=30).items():
        errors[LSP.index(name)] = error, 0
    figures = torso_pck([make_sample(targets + errors, targets, np.ones(14))])
    # heights in fourteenths: 5 thresholds with 10, 15 with 11 and the last with 12; the ends count half
    area = (5 * 10 + 15 * 11 + 12 - (10 + 12) / 2) / 14 / 20
    groups = dict(Head=50, Shoulder=100, Elbow=50, Wrist=100, Hip=100, Knee=100, Ankle=100)
    assert figures == pytest.approx({'Mean': 100 * 12 / 14, 'AUC': 100 * area, **groups})


def test_torso_is_a_pair_of_names():
    targets = stretched()
    samples = [make_sample(moved(targets, np.full(14, 2.0)), targets, np.ones(14))]
    assert torso_pck(samples)['Mean'] == 100
    assert torso_pck(samples, torso=('right_shoulder', 'left_hip'))['Mean'] == 0
    assert torso_pck(samples, threshold=2.5, torso=('right_shoulder', 'left_hip'))['Mean'] == 100


def test_columns_of_other_joints():
    """FLIC's, by their names."""
    names = ['left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'left_eye', 'right_eye', 'nose']
    targets = targets_of(7)
    torso = np.linalg.norm(targets[0] - targets[3])
    points = moved(targets, torso * np.array([0, 0.3, 0, 0, 0, 0.1, 0.3]))
    figures = torso_pck([make_sample(points, targets, np.ones(7))], names)
    assert [*figures] == ['Mean', 'AUC', 'Shoulder', 'Hip', 'Eye', 'Nose']
    assert [figures[name] for name in ('Shoulder', 'Hip', 'Eye', 'Nose')] == [50, 100, 100, 0]


def test_mmpose_measures_another_torso():
    """Its ``norm_item='torso'`` takes joints 4 and 5, of LSP the left knee and ankle."""
    points, targets, _, _ = random_people(20, LSP)
    samples = [make_sample(*person, np.ones(14)) for person in zip(points, targets, strict=True)]
    theirs = measure(PCKAccuracy(0.2, 'torso'), samples, LSP)['tPCK']
    assert theirs == pytest.approx(torso_pck(samples, torso=('left_knee', 'left_ankle'))['Mean'] / 100)
    assert theirs != pytest.approx(torso_pck(samples)['Mean'] / 100, abs=0.01)


def test_a_short_torso_is_measured_by_itself():
    """MMPose takes the predicted one instead, which a network could make long."""
    targets = stretched(length=0.5)
    points = moved(targets, np.full(14, 2.0))
    points[LSP.index('left_shoulder')] += 1000
    assert torso_pck([make_sample(points, targets, np.ones(14))])['Mean'] == 0


# ---------------------------------------------------------------------------------------------
# what is not there


def test_zero_torso_is_left_out():
    targets = stretched()
    good = make_sample(moved(targets, np.arange(14.0) * 3), targets, np.ones(14))
    flat = make_sample(targets, stretched(length=0), np.ones(14))
    assert torso_pck([good, flat]) == torso_pck([good])


def test_torso_without_a_label_is_left_out():
    targets, labeled = stretched(), np.ones(14)
    labeled[LSP.index('right_hip')] = 0
    good = make_sample(moved(targets, np.arange(14.0) * 3), targets, np.ones(14))
    assert torso_pck([good, make_sample(targets + 1000, targets, labeled)]) == torso_pck([good])


def test_nan_predictions_are_wrong():
    targets = stretched()
    points = targets.copy()
    points[LSP.index('left_knee'), 0] = np.nan
    figures = torso_pck([make_sample(points, targets, np.ones(14))])
    assert figures['Mean'] == pytest.approx(100 * 13 / 14)
    assert figures['Knee'] == 50


def test_a_joint_that_nobody_labelled():
    targets, labeled = stretched(), np.ones(14)
    labeled[[LSP.index('left_knee'), LSP.index('left_ankle'), LSP.index('right_ankle')]] = 0
    figures = torso_pck([make_sample(targets, targets, labeled)])
    assert np.isnan(figures.pop('Ankle'))
    assert all(value == 100 for value in figures.values())


def test_no_labelled_joint():
    figures = torso_pck([make_sample(stretched(), stretched(), np.zeros(14))])
    assert all(np.isnan(value) for value in figures.values())


def test_nobody():
    assert all(np.isnan(value) for value in pckh([]).values())


def test_padded_samples_are_cut_off():
    samples = two_people()
    assert pckh([*samples, samples[1]], size=2) == pckh(samples)


def test_visibility_with_weights_beside_it():
    """Of some codecs: (1, K, 2)."""
    samples = two_people()
    expected = pckh(samples)
    for sample in samples:
        flags = sample.gt_instances.keypoints_visible
        sample.gt_instances.keypoints_visible = np.stack([flags, np.ones_like(flags)], -1)
    assert pckh(samples) == expected


def test_unknown_torso():
    with pytest.raises(ValueError, match=r"'torso' must be two joints of the dataset \(right_ankle.*got \('tail', "):
        torso_pck([], torso=('tail', 'right_hip'))


def test_another_number_of_joints():
    with pytest.raises(ValueError, match=r"'pred_instances.keypoints' must have shape \(N, K, 2\) with K=14, N=1"):
        torso_pck([make_sample(np.zeros((16, 2)), stretched(), np.ones(14))])


def test_threshold_is_checked():
    with pytest.raises(ValueError, match="'threshold' must be a finite number > 0, got 0"):
        torso_pck([], threshold=0)


@pytest.mark.parametrize('config', [dict(type='mmpose_ext.PCKhAccuracy', convention='hrnet', offset=1.0)])
def test_survives_config_and_pickle(config):
    samples = two_people()
    written = Config.fromstring(Config(dict(it=config)).pretty_text, '.py').it
    metric = pickle.loads(pickle.dumps(METRICS.build(config)))
    assert (
        measure(metric, samples, MPII)
        == measure(dict(written), samples, MPII)
        == pckh(samples, convention='hrnet', offset=1)
    )


def test_mpii_joints_are_mmposes():
    metainfo = parse_pose_metainfo(MpiiDataset.METAINFO)
    assert [*metainfo['keypoint_id2name'].values()] == MPII
