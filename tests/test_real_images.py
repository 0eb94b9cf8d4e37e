"""Real images of five datasets through training, evaluation and inference, with a config of this repository."""

import json
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import DATASETS

from mmpose_ext import config_path

BASE = 'dark/dark_res18_1xb32-10e_synthetic-128x96'
KEYPOINT_PCK = dict(type='PCKAccuracy', thr=0.5, norm_item='bbox')

# folder -> number of joints, dataset, metric, and what the metric reports
DATA_SETS = {
    'coco': (17, 'CocoDataset', dict(type='CocoMetric'), 'coco/AP'),
    # without the file of head boxes, which PCKh needs, distances are divided by the person's box
    'mpii': (16, 'MpiiDataset', KEYPOINT_PCK, 'PCK'),
    'crowdpose': (
        14,
        'CrowdPoseDataset',
        dict(type='CocoMetric', use_area=False, iou_type='keypoints_crowd', prefix='crowdpose'),
        'crowdpose/AP',
    ),
    'ap10k': (17, 'AP10KDataset', dict(type='CocoMetric'), 'coco/AP'),
    'freihand': (21, 'FreiHandDataset', [dict(type='PCKAccuracy', thr=0.2), dict(type='EPE')], 'EPE'),
}

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture(autouse=True)
def _one_thread():
    """Small networks gain nothing by more threads, and on a busy machine they lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_config(name, folder, work_dir):
    """The repository's config for synthetic people with another dataset, other joints, and two iterations."""
    joints, data_set, metric, _ = DATA_SETS[name]
    annotations = os.path.join(folder, f'test_{name}.json')
    config = Config.fromfile(config_path(BASE))
    config.work_dir = str(work_dir)
    config.model.head.out_channels = joints
    config.randomness = dict(seed=0)
    config.log_level = 'ERROR'
    config.experiment_name = f'real-images-{name}'
    # MMEngine keeps visualizers by name for the whole process
    config.visualizer = dict(type='PoseLocalVisualizer', name=config.experiment_name)
    for phase in ('train', 'test'):
        loader = config[f'{phase}_dataloader']
        pipeline = loader.dataset.pipeline
        loader.dataset = dict(
            type=data_set, data_root='', ann_file=annotations, data_prefix=dict(img=str(folder)), pipeline=pipeline
        )
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.test_dataloader.dataset.test_mode = True
    # too few people for an epoch of a given length: iterations are counted instead
    config.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    config.param_scheduler = []
    config.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=2)
    config.default_hooks.logger.interval = 1
    config.log_processor = dict(by_epoch=False)
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    metrics = metric if isinstance(metric, list) else [metric]
    config.test_evaluator = [dict(one, ann_file=annotations) if one['type'] == 'CocoMetric' else one for one in metrics]
    return config


@pytest.mark.parametrize('name', DATA_SETS)
def test_train_evaluate_and_infer(name, sample_images, tmp_path):
    folder = sample_images(name)
    joints, _, _, figure = DATA_SETS[name]
    config = make_config(name, folder, tmp_path)

    runner = Runner.from_cfg(config.copy())
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    assert runner.iter == 2
    losses, _ = runner.message_hub.get_scalar('train/loss_kpt').data
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert (losses > 0).all()
    after = runner.model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    changed = [key for key, value in after.items() if (value != before[key]).any()]
    assert {key.partition('.')[0] for key in changed} == {'backbone', 'head'}

    figures = runner.test()
    assert figure in figures
    assert all(np.isfinite(value) for value in figures.values())

    # inference from the file that training left, on one person of the dataset: the same points
    checkpoint = tmp_path / 'iter_2.pth'
    model = init_model(config, str(checkpoint), device='cpu')
    sample = runner.test_dataloader.dataset[0]
    expected = runner.model.test_step(pseudo_collate([sample]))[0].pred_instances
    inferred = inference_topdown(
        model, sample['data_samples'].img_path, sample['data_samples'].gt_instances.bboxes, bbox_format='xyxy'
    )
    assert len(inferred) == 1
    found = inferred[0].pred_instances
    assert found.keypoints.shape == (1, joints, 2)
    assert np.isfinite(found.keypoints).all()
    np.testing.assert_allclose(found.keypoint_scores, expected.keypoint_scores, atol=1e-5)
    # a point whose map is nearly flat may jump by a cell where the crop differs in the last digit
    close = np.abs(found.keypoints - expected.keypoints).max(-1) < 0.1
    assert close.mean() > 0.8


@pytest.mark.parametrize('name', DATA_SETS)
def test_targets_lie_on_the_labeled_joints(name, sample_images, tmp_path):
    """Decoded, what the head draws for a person comes back to the annotation in the image."""
    config = make_config(name, sample_images(name), tmp_path)
    model = init_model(config, device='cpu')
    codec = model.head.decoder
    # the test pipeline crops without augmentation; the keypoints of the crop are wanted here as well
    pipeline = config.test_dataloader.dataset.pipeline
    pipeline[-1] = dict(type='PackPoseInputs', pack_transformed=True)
    data_set = DATASETS.build(config.test_dataloader.dataset)
    distances = []
    for sample in data_set:
        people = sample['data_samples'].gt_instances
        keypoints, visible = people.transformed_keypoints, people.keypoints_visible
        width, height = codec.input_size
        inner = (keypoints > 16).all(-1) & (keypoints < (width - 17, height - 17)).all(-1) & (visible > 0)
        encoded = codec.encode(keypoints, visible)
        assert (encoded['keypoint_weights'][inner] == 1).all()
        found, _ = codec.decode(encoded['heatmaps'])
        distances.append(np.linalg.norm(found - keypoints, axis=-1)[inner])
    distances = np.concatenate(distances)
    assert len(distances) > 10
    assert distances.mean() < 0.1  # pixels; a cell has 4


def test_images_are_where_the_annotations_say(sample_images):
    """So that a skipped or empty dataset does not pass for a tested one."""
    folder = sample_images('coco')
    images = json.loads((folder / 'test_coco.json').read_text())['images']
    assert len(images) == 4
    assert all((folder / image['file_name']).is_file() for image in images)
