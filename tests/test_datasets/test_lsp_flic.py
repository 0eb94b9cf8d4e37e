"""LSP and FLIC: joints, crops, and the base configs from the files on disk to the figures."""

import json
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.evaluator import Evaluator
from mmpose.datasets.datasets.body import CocoDataset, MpiiDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from mmpose_ext.datasets.crop_box_dataset import swap_sides
from mmpose_ext.datasets.flic_dataset import FlicDataset
from mmpose_ext.datasets.lsp_dataset import LspDataset
from mmpose_ext.lab.dataset_check import check_dataset
from mmpose_ext.lab.dataset_check.metainfo import check_metainfo, mirrored_name

BASES = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'datasets'
CLASSES = dict(lsp=LspDataset, flic=FlicDataset)
each = pytest.mark.parametrize('name', CLASSES)
pytestmark = pytest.mark.usefixtures('mmpose_scope')

# people (boxes [left, top, width, height]) in images of 120x90: inside, and beyond the left and right border
BOXES = [(20, 10, 60, 60), (-30, 15, 64, 64), (80, -10, 100, 100)]


def joints_of(name):
    return parse_pose_metainfo(CLASSES[name].METAINFO)


def write_annotations(path, count, seed=0):
    """Three people in an image each; the joints lie in the part of their box that the image shows."""
    rng = np.random.default_rng(seed)
    images, people = [], []
    for number, (left, top, width, height) in enumerate(BOXES, 1):
        images.append(dict(id=number, file_name=f'images/{number}.png', width=120, height=90))
        low, high = np.maximum((left, top), 0), np.minimum((left + width, top + height), (120, 90))
        points = rng.uniform(low + 2, high - 2, (count, 2))
        keypoints = np.column_stack([points, np.full(count, 2)]).ravel().tolist()
        people.append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                iscrowd=0,
                bbox=[left, top, width, height],
                area=1000,
                num_keypoints=count,
                keypoints=keypoints,
            )
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dict(images=images, annotations=people, categories=[dict(id=1, name='person')])))


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A dataset as its base config wants it, below the folder that the environment names; returns the config."""

    def make(name):
        files = dict(lsp=['lsp_lspet_train', 'lsp_test'], flic=['flic_observer_train', 'flic_observer_test'])[name]
        (tmp_path / 'images').mkdir()
        for number in range(1, 4):
            cv2.imwrite(str(tmp_path / 'images' / f'{number}.png'), np.full((90, 120, 3), 50 * number, np.uint8))
        for file in files:
            write_annotations(tmp_path / 'annotations' / f'{file}.json', joints_of(name)['num_keypoints'])
        monkeypatch.setenv(f'{name.upper()}_ROOT', str(tmp_path))
        return Config.fromfile(BASES / f'topdown_{name}.py')

    return make


# ---------------------------------------------------------------------------------------------
# joints


def test_joints_are_those_of_the_releases():
    """In the order of joints.mat, and of the labeled columns of examples.mat as Newell's annotations have them."""
    assert [*joints_of('lsp')['keypoint_id2name'].values()] == [
        *('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle'),
        *('right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist'),
        *('upper_neck', 'head_top'),
    ]
    assert joints_of('lsp')['flip_indices'] == [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
    assert [*joints_of('flic')['keypoint_id2name'].values()] == [
        *('left_shoulder', 'left_elbow', 'left_wrist', 'right_shoulder', 'right_elbow', 'right_wrist'),
        *('left_hip', 'right_hip', 'left_eye', 'right_eye', 'nose'),
    ]
    assert joints_of('flic')['flip_indices'] == [3, 4, 5, 0, 1, 2, 7, 6, 9, 8, 10]


@each
def test_metainfo(name):
    metainfo = joints_of(name)
    assert metainfo['dataset_name'] == name
    assert [finding.level for finding in check_metainfo(metainfo, 'train')] == ['ok']
    names = [*metainfo['keypoint_id2name'].values()]
    assert [names[joint] for joint in metainfo['flip_indices']] == [mirrored_name(joint) for joint in names]
    assert [swap_sides(joint) for joint in names] == [mirrored_name(joint) for joint in names]
    lower = {joint for joint in names if joint.rpartition('_')[2] in ('hip', 'knee', 'ankle')}
    assert {names[joint] for joint in metainfo['lower_body_ids']} == lower
    assert {names[joint] for joint in metainfo['upper_body_ids']} == {*names} - lower
    linked = {joint for link in metainfo['skeleton_links'] for joint in link}
    assert linked == set(range(len(names)))  # every joint is drawn on a limb
    # the mirrored skeleton is the same skeleton
    links = {frozenset(link) for link in metainfo['skeleton_links']}
    assert {frozenset(metainfo['flip_indices'][joint] for joint in link) for link in links} == links


@each
def test_sigmas_are_cocos(name):
    metainfo, coco = joints_of(name), parse_pose_metainfo(CocoDataset.METAINFO)
    for joint, index in metainfo['keypoint_name2id'].items():
        if joint in coco['keypoint_name2id']:
            assert metainfo['sigmas'][index] == coco['sigmas'][coco['keypoint_name2id'][joint]]


def test_lsp_joints_have_mpiis_names():
    """So that a network for MPII can teach one for LSP."""
    mpii = parse_pose_metainfo(MpiiDataset.METAINFO)['keypoint_name2id']
    assert set(joints_of('lsp')['keypoint_name2id']) == set(mpii) - {'pelvis', 'thorax'}


def test_colors_tell_the_sides():
    metainfo = joints_of('lsp')
    colors = dict(zip(metainfo['keypoint_name2id'], metainfo['keypoint_colors'].tolist(), strict=True))
    assert colors['left_wrist'] == [0, 255, 0]
    assert colors['right_wrist'] == [255, 128, 0]
    assert colors['head_top'] == [51, 153, 255]
    limbs = {
        frozenset(metainfo['keypoint_id2name'][joint] for joint in link): color
        for link, color in zip(metainfo['skeleton_links'], metainfo['skeleton_link_colors'].tolist(), strict=True)
    }
    assert limbs[frozenset(['left_knee', 'left_hip'])] == limbs[frozenset(['left_shoulder', 'upper_neck'])]
    assert limbs[frozenset(['left_shoulder', 'upper_neck'])] == [0, 255, 0]
    assert limbs[frozenset(['left_hip', 'right_hip'])] == [51, 153, 255]


# ---------------------------------------------------------------------------------------------
# crops


@each
def test_crops_are_the_boxes(small, name):
    """Where a box reaches beyond its image, too: MMPose's own dataset would cut it off and move the person."""
    cfg = small(name)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    theirs = DATASETS.build(
        {**cfg.val_dataloader.dataset, 'type': 'CocoDataset', 'metainfo': dict(**FlicDataset.METAINFO)}
    )
    for n, (left, top, width, height) in enumerate(BOXES):
        sample = dataset[n]['data_samples']
        np.testing.assert_allclose(sample.input_center, [left + width / 2, top + height / 2])
        np.testing.assert_allclose(sample.input_scale, [width, height])  # squares, of which nothing is added
        np.testing.assert_allclose(sample.gt_instances.bboxes, [[left, top, left + width, top + height]])
        moved = np.abs(theirs[n]['data_samples'].input_center - sample.input_center).max()
        assert (moved > 5) == (n > 0)


def test_pixels_of_a_crop(tmp_path, small):
    """What lies beyond the image is black; a spot in the image is where the crop puts it."""
    cfg = small('flic')
    image = np.full((90, 120, 3), 100, np.uint8)
    image[40:42, 0:2] = 255  # around (0.5, 40.5)
    cv2.imwrite(str(tmp_path / 'images' / '2.png'), image)
    left, top, width, _ = BOXES[1]
    crop = DATASETS.build(cfg.val_dataloader.dataset)[1]['inputs'].numpy()[0].astype(float)
    assert crop.shape == (256, 256)
    x, y = (np.array([0.5, 40.5]) - (left, top)) * 256 / width
    rows, columns = np.nonzero(crop > 180)
    np.testing.assert_allclose([columns.mean(), rows.mean()], [x, y], atol=1.5)
    assert (crop[:, : int(-left * 256 / width) - 4] == 0).all()
    assert (crop[20:, int(-left * 256 / width) + 12 :] >= 99).all()


def test_flipped_images_stay_centerd(small):
    cfg = small('flic')
    dataset = DATASETS.build({**cfg.val_dataloader.dataset, 'pipeline': []})
    steps = cfg.val_dataloader.dataset.pipeline
    flip = dict(type='RandomFlip', prob=1.0)
    pack = dict(type='PackPoseInputs', pack_transformed=True)
    plain, flipped = (Compose([*steps[:2], *extra, steps[2], pack]) for extra in ([], [flip]))
    for n in range(3):
        before, after = (run(dataset.get_data_info(n))['data_samples'].gt_instances for run in (plain, flipped))
        expected = before.transformed_keypoints[:, joints_of('flic')['flip_indices']] * (-1, 1) + (256, 0)
        # MMPose mirrors the image at its middle pixel, the crop at its border
        np.testing.assert_allclose(after.transformed_keypoints, expected, atol=256 / 60 + 1e-3)


def test_boxes_around_the_labeled_joints(tmp_path):
    """A person with one labeled joint keeps the annotated box: a point has no extent."""
    path = tmp_path / 'annotations.json'
    write_annotations(path, 14)
    content = json.loads(path.read_text())
    people = content['annotations']
    people[0]['keypoints'] = [10, 20, 2, 500, 500, 0, 40, 15, 1] + [0] * 33
    people[1]['keypoints'] = [10, 20, 2] + [0] * 39
    path.write_text(json.dumps(content))
    dataset = LspDataset(str(path), boxes='joints')
    left, top, width, height = people[1]['bbox']
    np.testing.assert_array_equal(dataset[0]['bbox'], [[10, 15, 40, 20]])
    np.testing.assert_array_equal(dataset[1]['bbox'], [[left, top, left + width, top + height]])


def test_unknown_boxes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'boxes' must be one of \('annotated', 'joints'\), got 'tight'"):
        LspDataset(str(tmp_path / 'annotations.json'), boxes='tight')


@pytest.mark.parametrize('annotation', ['bbox', 'keypoints'])
def test_people_without_a_box_or_joints_are_dropped(tmp_path, annotation):
    path = tmp_path / 'annotations.json'
    write_annotations(path, 11)
    content = json.loads(path.read_text())
    del content['annotations'][1][annotation]
    path.write_text(json.dumps(content))
    assert len(FlicDataset(str(path))) == 2


# ---------------------------------------------------------------------------------------------
# base configs


@each
def test_config_from_files_to_figures(small, name):
    """A perfect prediction of every sample of the test loader."""
    cfg = small(name)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    samples = [dataset[n]['data_samples'] for n in range(3)]
    for sample in samples:
        sample.pred_instances = sample.gt_instances.clone()
    evaluator.process(samples)
    figures = evaluator.evaluate(3)
    assert set(figures.values()) == {100.0}
    assert next(iter(figures)) == 'PCK/Mean'  # what save_best='auto' takes
    assert {'PCK/AUC', 'PCK/Elbow', 'PCK/Wrist'} < set(figures)


@each
def test_config_trains_on_transformed_joints(small, name):
    dataset = DATASETS.build(small(name).train_dataloader.dataset)
    assert len(dataset) == 3
    packed = dataset[0]
    joints = joints_of(name)['num_keypoints']
    assert packed['inputs'].shape == (3, 256, 256)
    assert packed['data_samples'].gt_instances.transformed_keypoints.shape == (1, joints, 2)


@each
def test_config_measures_the_torso_of_the_papers(name):
    """A shoulder and the hip of the other side: of LSP the left shoulder, of FLIC the right one."""
    evaluator = Config.fromfile(BASES / f'topdown_{name}.py').test_evaluator
    expected = dict(lsp=('left_shoulder', 'right_hip'), flic=('right_shoulder', 'left_hip'))[name]
    assert tuple(evaluator.get('torso', ('left_shoulder', 'right_hip'))) == expected


@each
def test_saved_config_keeps_the_joints(small, name, tmp_path):
    """MMEngine sorts integer keys of a dumped config as text: the joints must not be in it."""
    cfg = small(name)
    cfg.dump(tmp_path / 'dumped.py')
    again = DATASETS.build(Config.fromfile(tmp_path / 'dumped.py').test_dataloader.dataset)
    assert again.metainfo['flip_indices'] == joints_of(name)['flip_indices']
    assert 'metainfo' not in cfg.test_dataloader.dataset


@each
def test_config_names_differ_from_mmposes(name):
    """MMPose looks the joints of its own datasets up by the name of a file, ours first."""
    theirs = {path.name for path in Path(mmpose.__file__).parent.glob('.mim/configs/_base_/datasets/*.py')}
    assert not theirs & {path.name for path in BASES.glob(f'topdown_{name}*.py')}


@each
def test_data_check_knows_these_boxes(small, name, tmp_path):
    """Nothing is wrong with a box beyond its image here; the joints are counted as everywhere."""
    small(name)
    (tmp_path / 'config.py').write_text(f"_base_ = '{BASES / f'topdown_{name}.py'}'\ndefault_scope = 'mmpose'\n")
    findings = check_dataset(str(tmp_path / 'config.py'), samples=3)
    joints = joints_of(name)['num_keypoints']
    assert {finding.check for finding in findings if finding.level in ('error', 'warning')} <= {'overlap', 'model'}
    assert not any(finding.check == 'box-beyond' for finding in findings)
    assert any(f'the annotations have {joints}' in finding.what for finding in findings)
