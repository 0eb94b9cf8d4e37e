"""Real frames of Human3.6M, alone and with MPII, through training, evaluation and inference with 3D heads."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import inference_topdown, init_model

from mmpose_ext import config_path

CODEC = "dict(type='mmpose_ext.{}', input_size=_base_.input_size, depth_range=2000.0{})"
VOLUME = CODEC.format('IntegralLabel', ', heatmap_size=(64, 64), depth_size=16, heatmap_type={}')
POINTS = CODEC.format('RegressionLabel', '')
HEADS = {
    'integral': "type='mmpose_ext.IntegralHead3D', out_channels=17, deconv_out_channels=(16, 16, 16), depth_size=16, "
    f"loss_coord=dict(type='mmpose_ext.CoordinateLoss'), decoder={VOLUME.format(None)}",
    'volume': "type='mmpose_ext.IntegralHead3D', out_channels=17, deconv_out_channels=(16, 16, 16), depth_size=16, "
    f"loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'), decoder={VOLUME.format(repr('one_hot'))}",
    'regression': f"type='mmpose_ext.RegressionHead', num_joints=17, dim=3, decoder={POINTS}",
    'rle': f"type='mmpose_ext.RLEHead', num_joints=17, dim=3, decoder={POINTS}",
}
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def make_config(sample_images, work_dir, head, data):
    """The data base of the repository below the sample frames, a small network, and two iterations."""
    frames = dict(ann_file='test_h36m_body3d.npz', camera_file='cameras.pkl', data_prefix=dict(img=''))
    frames |= dict(data_root=str(sample_images('h36m')), subjects=None)
    mpii = dict(ann_file='test_mpii.json', data_prefix=dict(img=''), data_root=str(sample_images('mpii')))
    names = ('models/res18-small', 'default_runtime', f'datasets/topdown_h36m{data}')
    bases = [config_path(f'_base_/{name}') for name in names]
    mixed = f'datasets=[dict(_base_.h36m, **{frames}), dict(_base_.mpii, **{mpii})]'
    path = work_dir / 'frames.py'
    path.write_text(
        f'_base_ = {bases}\n'
        f'model = dict(head=dict(_delete_=True, in_channels=256, {HEADS[head]}))\n'
        'single = dict(num_workers=0, persistent_workers=False, batch_size=4)\n'
        f'train_dataloader = dict(**single, dataset=dict({mixed if data.endswith("-mpii") else f"**{frames}"}))\n'
        f'val_dataloader = dict(**single, dataset=dict(**{frames}, frame_step=1))\n'
        'test_dataloader = val_dataloader\n'
    )
    cfg = Config.fromfile(path)
    if data.endswith('-mpii'):
        cfg.train_dataloader.sampler.batch_size = 4
    cfg.work_dir, cfg.log_level, cfg.experiment_name = str(work_dir), 'ERROR', f'frames-{head}-{data}'
    cfg.visualizer = dict(type='PoseLocalVisualizer', name=cfg.experiment_name)
    cfg.randomness = dict(seed=0)
    cfg.train_cfg, cfg.val_cfg, cfg.test_cfg = dict(by_epoch=True, max_epochs=2 if not data else 1), dict(), dict()
    cfg.optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
    cfg.default_hooks.checkpoint.update(interval=1, save_best='3d/MPJPE', rule='less')
    cfg.default_hooks.logger.interval = 1
    return cfg


@pytest.mark.parametrize(
    ('head', 'data'),
    [('integral', '-mpii'), ('volume', '-p1-mpii'), ('regression', ''), ('rle', '-mpii')],
)
def test_train_evaluate_and_infer(head, data, sample_images, tmp_path):
    cfg = make_config(sample_images, tmp_path, head, data)
    runner = Runner.from_cfg(cfg.copy())
    runner.train()
    assert runner.iter >= 2
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert np.isfinite(losses).all()
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())

    figures = runner.test()
    assert figures['3d/samples'] == 4
    assert all(np.isfinite(value) for value in figures.values())
    # 1.7 m tall people around their pelvis: nothing is off by more than the crop of two meters
    assert 0 < figures['3d/PA-MPJPE'] <= figures['3d/MPJPE'] < 2000
    assert {name for name in figures if name.startswith('3d/MPJPE ')} == {
        f'3d/MPJPE {one}' for one in ('(actions)', 'Directions', 'Greeting', 'SittingDown', 'WalkDog')
    }
    assert list(tmp_path.glob('best_3d_MPJPE_epoch_*.pth'))

    sample = runner.test_dataloader.dataset[0]['data_samples']
    model = init_model(cfg, str(tmp_path / 'epoch_1.pth'), device='cpu')
    (person,) = inference_topdown(model, sample.img_path, sample.gt_instances.bboxes, bbox_format='xyxy')
    assert person.pred_instances.keypoints.shape == (1, 17, 3)
    assert np.isfinite(person.pred_instances.keypoints).all()
