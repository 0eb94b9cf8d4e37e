"""I*: L1 of the expectation; synthetic people with and without depth (strategy 2, as in table 7)."""

_base_ = [
    '../_base_/datasets/topdown_synthetic3d-2d.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))

# From scratch so short a training tells little: the backbone is H2's, as the 3D samples alone have made it.
start = 'work_dirs/integral_res18_1xb32-10e_synthetic3d-64x64_h2/epoch_10.pth'
codec = dict(input_size=(64, 64), heatmap_size=(16, 16), heatmap_type=None, depth_size=16, depth_range=2000.0)
loss = dict(type='mmpose_ext.CoordinateLoss')
layers = dict(in_channels=256, out_channels=17, deconv_out_channels=(64, 64, 64), depth_size=16)
codec = dict(type='mmpose_ext.IntegralLabel', **codec)
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', prefix='backbone.', checkpoint=start)),
    head=dict(_delete_=True, type='mmpose_ext.IntegralHead3D', loss_coord=loss, decoder=codec, **layers),
)
