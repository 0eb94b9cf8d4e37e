"""RLE in three axes; synthetic people with and without depth (strategy 2; as in table 8)."""

_base_ = [
    '../_base_/datasets/topdown_synthetic3d-2d.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))

# from scratch, points of a pooled feature are hardly learned in so short a time
start = 'work_dirs/integral_res18_1xb32-10e_synthetic3d-64x64_h2/epoch_10.pth'
codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size, depth_range=2000.0)
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', prefix='backbone.', checkpoint=start)),
    head=dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=256, num_joints=17, dim=3, decoder=codec),
)
