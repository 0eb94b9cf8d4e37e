"""I*: L1 of the expectation of volumes; Human3.6M alone (strategy 1), ResNet-50 (table 7)."""

_base_ = [
    '../_base_/datasets/topdown_h36m.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

flip, box = _base_.augmentation
augmentation = [flip, dict(box, shift_factor=0.02, shift_prob=1)]
pipeline = [*_base_.loading, *augmentation, _base_.crop, _base_.color, _base_.packing]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=4 * 32)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))

# volumes are as deep as they are wide; the box around the pelvis is 2000 mm deep and wide
codec = dict(input_size=(256, 256), heatmap_size=(64, 64), heatmap_type=None, depth_size=64, depth_range=2000.0)
codec = dict(type='mmpose_ext.IntegralLabel', **codec)
loss = dict(type='mmpose_ext.CoordinateLoss')
layers = dict(in_channels=2048, out_channels=17, deconv_out_channels=(256, 256, 256), depth_size=64)
model = dict(head=dict(_delete_=True, type='mmpose_ext.IntegralHead3D', loss_coord=loss, decoder=codec, **layers))
