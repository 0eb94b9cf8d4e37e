"""Human3.6M from images: layout, crop, protocols, MPII's joints beside it, and real frames."""

import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.fileio import load
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.body import MpiiDataset
from mmpose.registry import DATASETS

from mmpose_ext import config_path
from mmpose_ext.datasets.human36m_image_dataset import Human36mImageDataset, parse_image_name

pytestmark = pytest.mark.usefixtures('mmpose_scope')
PARAM = dict(f=np.array([[1000.0], [500.0]]), c=np.array([[500.0], [400.0]]), k=np.zeros((3, 1)), p=np.zeros((2, 1)))


def write_file(path, names, seed=0):
    """People around 5 m from the camera, of known root, in MMPose's layout: meters."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.3, (len(names), 17, 3)) + np.array([0, 0, 5])
    points[:, 0] = (0.5, 0.25, 4)
    pixels = points[..., :2] / points[..., 2:] * PARAM['f'][:, 0] + PARAM['c'][:, 0]
    ones = np.ones((*points.shape[:2], 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, imgname=names, part=np.concatenate([pixels, ones], -1), S=np.concatenate([points, ones], -1))
    return points


def name_of(subject, action, frame, camera='54138969'):
    video = f'{subject}_{action}.{camera}'
    return f'{subject}/{video}/{video}_{frame:06d}.jpg'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files as preprocess_h36m.py writes them, for four subjects."""
    monkeypatch.setenv('H36M_ROOT', str(tmp_path))
    root = tmp_path / 'annotation_body3d'
    frames = {'fps10': (1, 6, 11), 'fps50': (1, 2, 64, 65, 129)}
    for rate, numbers in frames.items():
        for split, subjects in (('train', ('S1', 'S6')), ('test', ('S9', 'S11'))):
            names = [
                name_of(subject, action, n) for subject in subjects for action in ('Eating', 'Photo_1') for n in numbers
            ]
            write_file(root / rate / f'h36m_{split}.npz', names)
    cameras = {(f'S{number}', '54138969'): PARAM for number in range(1, 12)}
    (root / 'cameras.pkl').write_bytes(pickle.dumps(cameras))
    return tmp_path


def images_of(people):
    return sorted({(one['raw_ann_info']['subject'], parse_image_name(one['img_path'])[3]) for one in people})


# ---------------------------------------------------------------------------------------------
# samples


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg', ('S1', 'Directions', '54138969', 1)),
        ('S11_SittingDown.60457274_002061.jpg', ('S11', 'SittingDown', '60457274', 2061)),
        ('S1_TakingPhoto_2.55011271_000396.jpg', ('S1', 'Photo', '55011271', 396)),
        ('S1_WalkingDog.55011271_000006.png', ('S1', 'WalkDog', '55011271', 6)),
        ('S5_WalkTogether_1.58860488_000006.jpg', ('S5', 'WalkTogether', '58860488', 6)),
    ],
)
def test_image_names(name, expected):
    assert parse_image_name(name) == expected


def test_other_names_are_refused():
    with pytest.raises(ValueError, match=r"'imgname' must be like S1_.*got 'frame_1.jpg'"):
        parse_image_name('frame_1.jpg')


def test_sample_by_hand(tmp_path):
    """The root at (.5, .25, 4) m is seen at (625, 431.25); 2 m there are 500 x 250 pixels."""
    points = 1000 * write_file(tmp_path / 'a.npz', [name_of('S9', 'Eating', 1)])[0]
    (tmp_path / 'cameras.pkl').write_bytes(pickle.dumps({('S9', '54138969'): PARAM}))
    (person,) = Human36mImageDataset('a.npz', 'cameras.pkl', data_root=str(tmp_path), data_prefix=dict(img='images/'))
    np.testing.assert_allclose(person['keypoints'][0, 0], (625, 431.25, 0), atol=1e-3)
    np.testing.assert_allclose(person['bbox'], [[375, 306.25, 875, 556.25]])
    np.testing.assert_allclose(person['keypoints'][0, :, 2], points[:, 2] - 4000, atol=1e-3)
    assert person['keypoints'].shape == (1, 17, 3)
    assert person['keypoints_visible'].tolist() == [[1] * 17]
    assert person['img_path'] == str(tmp_path / 'images' / name_of('S9', 'Eating', 1))
    raw = person['raw_ann_info']
    np.testing.assert_allclose(raw['keypoints_cam'], points)
    assert (raw['root_depth'], raw['subject'], raw['action']) == (pytest.approx(4000), 'S9', 'Eating')
    np.testing.assert_array_equal(raw['camera_param']['f'], PARAM['f'])
    wide = Human36mImageDataset('a.npz', 'cameras.pkl', data_root=str(tmp_path), crop_side=4000)
    np.testing.assert_allclose(wide[0]['bbox'], [[125, 181.25, 1125, 681.25]])


def test_joints_without_a_label(tmp_path):
    write_file(tmp_path / 'a.npz', [name_of('S9', 'Eating', 1)])
    content = dict(np.load(tmp_path / 'a.npz'))
    content['part'][0, 3, 2] = content['S'][0, 5, 3] = 0
    np.savez(tmp_path / 'a.npz', **content)
    (tmp_path / 'cameras.pkl').write_bytes(pickle.dumps({('S9', '54138969'): PARAM}))
    (person,) = Human36mImageDataset('a.npz', 'cameras.pkl', data_root=str(tmp_path))
    assert np.flatnonzero(person['keypoints_visible'][0] == 0).tolist() == [3, 5]
    assert np.flatnonzero(np.isnan(person['keypoints'][0, :, 2])).tolist() == [3, 5]
    assert np.flatnonzero(np.isnan(person['raw_ann_info']['keypoints_cam'][:, 0])).tolist() == [3, 5]


def test_subjects_frames_and_files(folder):
    def images(*files, **arguments):
        files = [f'annotation_body3d/{file}.npz' for file in files]
        return images_of(Human36mImageDataset(files, data_root=str(folder), **arguments))

    assert images('fps50/h36m_test', frame_step=64) == [(one, n) for one in ('S11', 'S9') for n in (1, 65, 129)]
    assert images('fps10/h36m_train', 'fps10/h36m_test', subjects=['S6', 'S9']) == [
        (one, n) for one in ('S6', 'S9') for n in (1, 6, 11)
    ]
    several = Human36mImageDataset(
        [f'annotation_body3d/fps10/h36m_{split}.npz' for split in ('train', 'test')], data_root=str(folder), indices=13
    )
    assert [one['id'] for one in several] == list(range(13))
    assert several[12]['raw_ann_info']['subject'] == 'S9'
    assert len(several[0]['flip_indices']) == 17


def test_unfit_files(folder):
    file = 'annotation_body3d/fps50/h36m_test.npz'
    with pytest.raises(ValueError, match=r"'ann_file' .* the subjects \['S3'\] with every 64th frame"):
        Human36mImageDataset(file, data_root=str(folder), subjects=['S3'], frame_step=64)
    (folder / 'cameras.pkl').write_bytes(pickle.dumps({('S9', '54138969'): PARAM}))
    with pytest.raises(ValueError, match=r"'camera_file' must hold the camera \('S11', '54138969'\)"):
        Human36mImageDataset(file, 'cameras.pkl', data_root=str(folder))
    with pytest.raises(ValueError, match=r"'frame_step' must be a finite number > 0, got 0"):
        Human36mImageDataset(file, data_root=str(folder), frame_step=0)


# ---------------------------------------------------------------------------------------------
# configs


def base(name):
    return Config.fromfile(config_path(f'_base_/datasets/topdown_h36m{name}'))


def test_protocols(folder):
    """Protocol 1: subjects 1, 5, 6, 7, 8 and 9 against 11; protocol 2: 1, 5, 6, 7 and 8 against 9 and 11."""
    loaded = {}
    for name in ('', '-p1'):
        cfg = base(name)
        assert cfg.test_dataloader == cfg.val_dataloader
        for part in ('train', 'val'):
            people = DATASETS.build(cfg[f'{part}_dataloader'].dataset | dict(pipeline=[]))
            loaded[name, part] = images_of(people)
    frames = dict(train=(1, 6, 11), val=(1, 65, 129))
    for (name, part), subjects in {
        ('', 'train'): ('S1', 'S6'),
        ('', 'val'): ('S11', 'S9'),
        ('-p1', 'train'): ('S1', 'S6', 'S9'),
        ('-p1', 'val'): ('S11',),
    }.items():
        assert loaded[name, part] == [(subject, frame) for subject in subjects for frame in frames[part]]


@pytest.mark.parametrize('protocol', ['', '-p1'])
def test_mixed_configs_are_the_same_with_mpii(protocol):
    alone, mixed = base(protocol), base(f'{protocol}-mpii')
    first, _ = mixed.train_dataloader.dataset.datasets
    assert {**first, 'pipeline': None} == {**alone.train_dataloader.dataset, 'pipeline': None}
    assert mixed.val_dataloader == mixed.test_dataloader == alone.val_dataloader
    load_image, *rest = mixed.train_dataloader.dataset.pipeline
    assert [load_image, *first.pipeline, *rest] == alone.train_dataloader.dataset.pipeline
    assert mixed.train_dataloader.sampler.batch_size == mixed.train_dataloader.batch_size
    assert Config.fromstring(mixed.pretty_text, '.py').to_dict() == mixed.to_dict()


def test_recipe_is_the_papers():
    (_, _, flip, box, _, color, packing) = base('').train_dataloader.dataset.pipeline
    assert (flip.type, flip.direction) == ('RandomFlip', 'horizontal')
    assert (box.scale_factor, box.rotate_factor, box.rotate_prob, box.shift_prob) == ((0.75, 1.25), 60, 0.6, 0)
    assert (color.type, color.amount, packing.pack_transformed) == ('mmpose_ext.RandomChannelScale', 0.2, True)


def test_mpii_joints_by_name():
    """Every joint takes its namesake; those that are called differently, or missing, are listed."""
    source = MpiiDataset(lazy_init=True).metainfo['keypoint_id2name']
    target = Human36mImageDataset(lazy_init=True).metainfo['keypoint_id2name']
    pairs = {target[b]: source[a] for a, b in base('-mpii').mpii_to_h36m}
    assert len(pairs) == 15
    assert {joint: other for joint, other in pairs.items() if joint != other} == dict(
        root='pelvis', thorax='upper_neck', head='head_top', left_foot='left_ankle', right_foot='right_ankle'
    )
    assert {*target.values()} - {*pairs} == {'spine', 'neck_base'}


def real_config(sample_images, monkeypatch, name):
    """A base config on the sample frames; MMPose's samples lie in one folder."""
    monkeypatch.setenv('MPII_ROOT', str(sample_images('mpii')))
    cfg = base(name)
    mine = dict(data_root=str(sample_images('h36m')), camera_file='cameras.pkl', ann_file='test_h36m_body3d.npz')
    mine |= dict(data_prefix=dict(img=''))
    train = cfg.train_dataloader.dataset
    train.get('datasets', [train])[0].update(mine)
    if 'datasets' in train:
        train.datasets[1].update(ann_file='test_mpii.json', data_prefix=dict(img=''))
        cfg.train_dataloader.batch_size = cfg.train_dataloader.sampler.batch_size = 4
    else:
        cfg.train_dataloader.batch_size = 4
    cfg.val_dataloader.dataset.update(mine, frame_step=1)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    return cfg


def test_real_frames_mixed_with_mpii(sample_images, monkeypatch):
    """Half of a batch from either; MPII's joints stay on their pixels, mirrored by Human3.6M's pairs."""
    cfg = real_config(sample_images, monkeypatch, '-mpii')
    mapping = cfg.mpii_to_h36m
    kept = [step for step in cfg.train_dataloader.dataset.pipeline if step.type != 'RandomBBoxTransform']
    cfg.train_dataloader.dataset.pipeline = kept
    annotations = load(str(sample_images('mpii') / 'test_mpii.json'))
    seen = 0
    for batch in Runner.build_dataloader(cfg.train_dataloader, seed=0):
        depth = np.stack([sample.gt_instances.keypoints[0, :, 2] for sample in batch['data_samples']])
        assert np.isnan(depth).all(1).tolist() == [False, False, True, True]
        for sample in batch['data_samples'][2:]:
            points, visible = sample.gt_instances.keypoints[0], sample.gt_instances.keypoints_visible[0]
            assert visible.shape == (17, 2)
            assert (visible[[7, 9]] == 0).all()
            truth = np.array(annotations[sample.id]['joints'])
            for a, b in mapping:
                b = sample.flip_indices[b] if sample.flip else b
                x = sample.ori_shape[1] - 1 - points[b, 0] if sample.flip else points[b, 0]
                np.testing.assert_allclose((x, points[b, 1]), truth[a], atol=1e-3)
            seen += 1
    assert seen >= 4


def test_real_frames_evaluate(sample_images, monkeypatch):
    """Labels as predictions: pixels through the lens and back, 3e-4 mm; without the lens some millimeters are lost."""
    cfg = real_config(sample_images, monkeypatch, '')
    loader = Runner.build_dataloader(cfg.val_dataloader)
    figures = {}
    for lens in (True, False):
        evaluator = Evaluator(cfg.val_evaluator)
        evaluator.dataset_meta = loader.dataset.metainfo
        for batch in loader:
            for sample in batch['data_samples']:
                sample.pred_instances = InstanceData(keypoints=sample.gt_instances.keypoints)
                if not lens:
                    del sample.raw_ann_info['camera_param']['k'], sample.raw_ann_info['camera_param']['p']
            evaluator.process(batch['data_samples'], batch)
        figures[lens] = evaluator.evaluate(len(loader.dataset))
    assert figures[True]['3d/MPJPE'] < 1e-3
    assert 0.1 < figures[False]['3d/MPJPE'] < 10
    names = {name for name in figures[True] if name.startswith('3d/MPJPE ')}
    assert names == {f'3d/MPJPE {one}' for one in ('(actions)', 'Directions', 'Greeting', 'SittingDown', 'WalkDog')}


def test_real_frames_in_the_crop(sample_images, monkeypatch):
    """Everybody is inside the crop of two meters, and the pelvis in its middle."""
    cfg = real_config(sample_images, monkeypatch, '')
    cfg.val_dataloader.dataset.pipeline[-1].pack_transformed = True
    for batch in Runner.build_dataloader(cfg.val_dataloader):
        for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
            points = sample.gt_instances.transformed_keypoints[0]
            assert image.shape == (3, 256, 256)
            np.testing.assert_allclose(points[0, :2], 128, atol=0.5)  # the lens moves it a little
            assert (points[:, :2] > 0).all()
            assert (points[:, :2] < 256).all()
