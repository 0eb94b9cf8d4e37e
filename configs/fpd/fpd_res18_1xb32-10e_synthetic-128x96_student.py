"""The student alone: a ResNet-18 of a quarter of the teacher's width, synthetic people at 128x96."""

_base_ = [
    '../_base_/datasets/topdown_synthetic.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)
train_cfg = dict(val_interval=5)

width = 8
heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
model = dict(
    backbone=dict(stem_channels=width, base_channels=width),
    head=dict(in_channels=8 * width, deconv_out_channels=(16, 16, 16), decoder=codec),
)
