"""Samples with depth: synthetic people, unknown depth, MMPose's transforms on the way, batches of both kinds."""

import json

import numpy as np
import pytest
from depth_samples import joints_of, write_people
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.body import CocoDataset
from mmpose.registry import DATASETS, TRANSFORMS

from mmpose_ext import config_path
from mmpose_ext.datasets.keypoint_depth import add_depth
from mmpose_ext.functional import Camera, project_points

pytestmark = pytest.mark.usefixtures('mmpose_scope')
PEOPLE, FEW = 12, 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files of a synthetic dataset, one person in each image."""
    monkeypatch.setenv('SYNTHETIC_ROOT', str(tmp_path))
    write_people(tmp_path, PEOPLE)
    return tmp_path


def dataset(folder, **changes):
    kind = dict(type='mmpose_ext.Synthetic3dDataset', data_root=str(folder), data_prefix=dict(img='train/'))
    return DATASETS.build(kind | dict(ann_file='annotations/person_keypoints_train.json') | changes)


# ---------------------------------------------------------------------------------------------
# a sample


def test_sample_of_a_synthetic_person(folder):
    people = dataset(folder)
    flat = DATASETS.build(
        dict(type='CocoDataset', data_root=str(folder), ann_file='annotations/person_keypoints_train.json')
    )
    assert len(people) == len(flat) == PEOPLE
    for person, other in zip(people, flat, strict=True):
        truth, hidden = 1000 * joints_of(person['id']), person['id'] % 9
        root = (truth[11, 2] + truth[12, 2]) / 2
        keypoints = person['keypoints']
        assert keypoints.shape == (1, 17, 3)
        assert keypoints.dtype == np.float32
        np.testing.assert_array_equal(keypoints[..., :2], other['keypoints'])
        np.testing.assert_array_equal(np.isnan(keypoints[0, :, 2]), np.arange(17) == hidden)
        kept = np.arange(17) != hidden
        np.testing.assert_allclose(keypoints[0, kept, 2], truth[kept, 2] - root, atol=1e-3)
        raw = person['raw_ann_info']
        assert raw['root_depth'] == pytest.approx(root)
        np.testing.assert_allclose(raw['keypoints_cam'][kept], truth[kept])
        assert np.isnan(raw['keypoints_cam'][hidden]).all()
        pixels = project_points(raw['keypoints_cam'], Camera.from_param(raw['camera_param']))
        np.testing.assert_allclose(pixels[kept], keypoints[0, kept, :2], atol=1e-4)
        assert raw['bbox'] == [20, 10, 80, 80]  # what CocoMetric and others read is still there


def test_few_people(folder):
    first = [person['id'] for person in dataset(folder, indices=3)]
    later = [person['id'] for person in dataset(folder, indices=range(3, 7))]
    assert (first, later) == ([1, 2, 3], [4, 5, 6, 7])


def test_root_of_ones_own(folder):
    person = dataset(folder, root=['nose'])[0]  # the first person's nose is labeled, its left eye is not
    assert person['keypoints'][0, 0, 2] == 0
    with pytest.raises(ValueError, match="'root' must be joints of the data"):
        dataset(folder, root=['pelvis'])


def test_files_without_depth_are_named(folder):
    path = folder / 'annotations' / 'person_keypoints_train.json'
    content = json.loads(path.read_text())
    del content['annotations'][2]['camera']
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'make_synthetic_dataset\.py writes them; person 3 has no camera'):
        dataset(folder)


def test_depth_by_hand():
    """Two people: the root is the middle of both joints, the second of which one of them has no label of."""
    points = np.array([[[1, 2, 500], [3, 4, 300]], [[5, 6, 1000], [7, 8, 3000]]])
    keypoints, seen, depths = add_depth(np.ones((2, 2, 2)), np.array([[1, 1], [2, 0]]), points, [0, 1])
    np.testing.assert_array_equal(keypoints[..., 2], [[100, -100], [-1000, np.nan]])
    np.testing.assert_array_equal(keypoints[..., :2], 1)
    np.testing.assert_array_equal(seen[0], points[0])
    np.testing.assert_array_equal(seen[1], [[5, 6, 1000], [np.nan] * 3])
    assert depths.tolist() == [400, 2000]


# ---------------------------------------------------------------------------------------------
# MMPose's transforms


@pytest.mark.parametrize('unknown', [False, True])
def test_transforms_keep_depth(folder, unknown):
    """Mirrored, turned, cut out: x and y as without depth; z goes with its joint and keeps its value."""
    steps = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='RandomFlip', prob=1.0),
        dict(type='RandomBBoxTransform', rotate_prob=1.0),
        dict(type='TopdownAffine', input_size=(96, 128)),
        dict(type='PackPoseInputs', pack_transformed=True),
    ]
    deep = dataset(folder, pipeline=[dict(type='mmpose_ext.UnknownDepth')] * unknown + steps)
    flat = DATASETS.build(
        dict(
            type='CocoDataset',
            data_root=str(folder),
            data_prefix=dict(img='train/'),
            ann_file='annotations/person_keypoints_train.json',
            pipeline=steps,
        )
    )
    before = dataset(folder)
    mirrored = before.metainfo['flip_indices']
    for number in range(3):
        np.random.seed(number)  # noqa: NPY002 (MMPose's transforms draw from it)
        sample = deep[number]['data_samples']
        np.random.seed(number)  # noqa: NPY002
        other = flat[number]['data_samples']
        points = sample.gt_instances.transformed_keypoints
        assert points.shape == (1, 17, 3)
        np.testing.assert_allclose(points[..., :2], other.gt_instances.transformed_keypoints, atol=1e-4)
        np.testing.assert_array_equal(sample.gt_instances.keypoints_visible, other.gt_instances.keypoints_visible)
        if unknown:
            assert np.isnan(points[..., 2]).all()
        else:
            np.testing.assert_array_equal(points[0, :, 2], before[number]['keypoints'][0, mirrored, 2])


def test_converter_and_unknown_depth():
    """MMPose's KeypointConverter gives two columns and pairs of (visible, weight)."""
    results = dict(keypoints=np.arange(12.0).reshape(1, 4, 3), keypoints_visible=np.array([[1.0, 1, 0, 1]]))
    converter = TRANSFORMS.build(dict(type='KeypointConverter', num_keypoints=3, mapping=[(0, 2), ((1, 3), 0)]))
    results = TRANSFORMS.build(dict(type='mmpose_ext.UnknownDepth'))(converter(results))
    np.testing.assert_array_equal(results['keypoints'][0], [[6, 7, np.nan], [0, 0, np.nan], [0, 1, np.nan]])
    np.testing.assert_array_equal(results['keypoints_visible'][0], [[1, 1], [0, 0], [1, 1]])
    with pytest.raises(ValueError, match=r"'keypoints' must have shape \(N, K, 2\)"):
        TRANSFORMS.build(dict(type='mmpose_ext.UnknownDepth'))(dict(keypoints=np.zeros((4, 3))))


def test_channels_are_scaled():
    image = np.full((500, 2, 3), 100, np.uint8)
    image[0] = 250
    seen = [TRANSFORMS.build(dict(type='mmpose_ext.RandomChannelScale'))(dict(img=image))['img'] for _ in range(50)]
    assert all(one.dtype == np.uint8 and (one[1:] == one[1]).all() for one in seen)  # one number for a channel
    values = np.stack([one[1, 0] for one in seen]).astype(int)
    assert values.min() in range(80, 84)
    assert values.max() in range(116, 121)
    assert (values != values[:, :1]).any(1).mean() > 0.9  # of its own
    assert max(one[0].max() for one in seen) == 255  # cut off, not around
    assert (image[1:] == 100).all()
    with pytest.raises(ValueError, match="'amount' must be a number from 0 to 1, got 2"):
        TRANSFORMS.build(dict(type='mmpose_ext.RandomChannelScale', amount=2))


# ---------------------------------------------------------------------------------------------
# the configs


def small(name, few=FEW):
    """A base config with few people, without processes."""
    cfg = Config.fromfile(config_path(f'_base_/datasets/{name}'))
    again = Config.fromstring(cfg.pretty_text, '.py')  # what MMEngine saves beside the results
    assert again.to_dict() == cfg.to_dict()
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    cfg.train_dataloader.batch_size = 4
    first, *second = cfg.train_dataloader.dataset.datasets
    first.indices = few
    if second:
        second[0].indices = range(few, PEOPLE)
        cfg.train_dataloader.sampler.batch_size = 4
    else:
        cfg.train_dataloader.dataset.sample_ratio_factor = [PEOPLE // few]
    return cfg


@pytest.mark.parametrize(
    ('name', 'deep'), [('topdown_synthetic3d', 4), ('topdown_synthetic3d-2d', 2)], ids=['3d', '3d+2d']
)
def test_batches_of_the_strategies(folder, name, deep):
    """As many steps in an epoch; 3D samples of the same few people; half of each batch without depth, or none."""
    loader = Runner.build_dataloader(small(name).train_dataloader, seed=0)
    batches = [batch['data_samples'] for batch in loader]
    assert len(loader) == len(batches) == PEOPLE // 4
    known, unknown = [], []
    for batch in batches:
        depth = np.concatenate([sample.gt_instances.transformed_keypoints[..., 2] for sample in batch])
        assert (~np.isnan(depth).all(1)).sum() == deep
        for sample, values in zip(batch, depth, strict=True):
            (unknown if np.isnan(values).all() else known).append(sample.id)
    assert set(known) == set(range(1, FEW + 1))
    assert set(unknown) <= set(range(FEW + 1, PEOPLE + 1))
    if deep == 4:  # everybody as often
        assert sorted(known) == sorted(list(range(1, FEW + 1)) * (PEOPLE // FEW))


def test_strategies_share_their_steps():
    """Of the files as they are: samples in an epoch, the few, and all else."""
    few, mixed = (Config.fromfile(config_path(f'_base_/datasets/topdown_synthetic3d{part}')) for part in ('', '-2d'))
    first, second = mixed.train_dataloader.dataset.datasets
    (alone,) = few.train_dataloader.dataset.datasets
    assert first == alone
    assert few.train_dataloader.dataset.sample_ratio_factor[0] * alone.indices == first.indices + len(second.indices)
    assert second.indices[0] == first.indices
    assert mixed.train_dataloader.sampler.batch_size == mixed.train_dataloader.batch_size
    assert mixed.train_dataloader.dataset.pipeline == few.train_dataloader.dataset.pipeline
    assert mixed.val_dataloader == few.val_dataloader == few.test_dataloader


@pytest.mark.parametrize('error', [0, 50])
def test_evaluation_of_the_config(folder, error):
    """Predictions as the estimator makes them: the labels' pixels and depths are right to a hundredth of a mm."""
    cfg = small('topdown_synthetic3d')
    loader = Runner.build_dataloader(cfg.val_dataloader)
    evaluator = Evaluator(cfg.val_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    for batch in loader:
        for sample in batch['data_samples']:
            points = np.nan_to_num(sample.gt_instances.keypoints)
            points[:, :11, 2] += error  # of all but the hips, legs
            sample.pred_instances = InstanceData(keypoints=points)
        evaluator.process(batch['data_samples'], batch)
    figures = evaluator.evaluate(len(loader.dataset))
    assert figures['3d/samples'] == PEOPLE
    assert figures['3d/error z'] == pytest.approx(error * 10 / 16, abs=1e-3)
    assert figures['3d/MPJPE'] == pytest.approx(error * 10 / 16, abs=1 if error else 0.01)
    assert (figures['3d/PA-MPJPE'] < figures['3d/MPJPE']) or not error


def test_metainfo_is_cocos(folder):
    loader = Runner.build_dataloader(small('topdown_synthetic3d-2d').train_dataloader)
    assert loader.dataset.metainfo['keypoint_name2id'] == CocoDataset(lazy_init=True).metainfo['keypoint_name2id']
