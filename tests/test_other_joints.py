"""RLE's configs of hands, faces and animals train on images: nothing in the head is about bodies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmpose_ext import config_path

# config -> the folder of real images, or None for a made one; number of joints; what the metrics report
CONFIGS = {
    'rle_res50_8xb32-210e_freihand-224x224': ('freihand', 21, {'PCK', 'AUC', 'EPE'}),
    'rle_res50_8xb32-210e_wflw-256x256': (None, 98, {'NME'}),
    'rle_res50_8xb32-210e_ap10k-256x256': ('ap10k', 17, {'coco/AP', 'confidence/Pearson'}),
}
pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks gain nothing by more threads, and on a busy machine they lose a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_faces(folder: Path) -> Path:
    """Four noise images with a face each, in the format of MMPose's WFLW."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for n in range(4):
        cv2.imwrite(str(folder / f'{n}.jpg'), rng.integers(0, 256, (200, 240, 3), dtype=np.uint8))
        images.append(dict(id=n, file_name=f'{n}.jpg', height=200, width=240))
        points = rng.uniform((70, 40), (170, 150), (98, 2))
        annotations.append(
            dict(
                id=n,
                image_id=n,
                category_id=1,
                iscrowd=0,
                center=[120.0, 95.0],
                scale=0.6,
                num_keypoints=98,
                keypoints=np.concatenate((points, np.ones((98, 1))), 1).ravel().tolist(),
            )
        )
    content = dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')])
    (folder / 'test_wflw.json').write_text(json.dumps(content))
    return folder


def shortened(config: Config, folder: Path, annotations: Path, work_dir: Path) -> Config:
    """The config with these images, two iterations, and a smaller ResNet without its download."""
    config.work_dir = str(work_dir)
    config.experiment_name = work_dir.name
    config.randomness = dict(seed=0)
    config.log_level = 'ERROR'
    config.visualizer = dict(type='PoseLocalVisualizer', name=config.experiment_name)
    config.model.backbone.update(depth=18, init_cfg=None)
    config.model.head.in_channels = 512
    for phase in ('train', 'test'):
        loader = config[f'{phase}_dataloader']
        loader.dataset.update(data_root='', ann_file=str(annotations), data_prefix=dict(img=str(folder)))
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    config.param_scheduler = []
    config.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=2)
    config.default_hooks.logger.interval = 1
    config.log_processor = dict(by_epoch=False)
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    metrics = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
    for metric in metrics:
        if 'ann_file' in metric:
            metric.ann_file = str(annotations)
    return config


@pytest.mark.parametrize('name', CONFIGS)
def test_two_iterations_and_a_test(name: str, sample_images: Any, tmp_path: Path) -> None:
    source, joints, expected = CONFIGS[name]
    folder = make_faces(tmp_path) if source is None else sample_images(source)
    (annotations,) = folder.glob('test_*.json')
    config = shortened(Config.fromfile(config_path(f'rle/{name}')), folder, annotations, tmp_path / name)
    runner = Runner.from_cfg(config)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    assert runner.iter == 2
    losses, _ = runner.message_hub.get_scalar('train/loss_kpt').data
    assert np.isfinite(losses).all()
    after = dict(runner.model.named_parameters())
    assert all(value.isfinite().all() for value in after.values())
    still = {key for key, value in after.items() if (value == before[key]).all()}
    assert not still, still

    figures = runner.test()
    assert expected <= figures.keys()
    assert all(np.isfinite(figures[key]) for key in expected)
    sample = runner.model.test_step(next(iter(runner.test_dataloader)))[0]
    assert sample.pred_instances.keypoint_sigmas.shape == (1, joints, 2)
    assert (sample.pred_instances.keypoint_sigmas > 0).all()
