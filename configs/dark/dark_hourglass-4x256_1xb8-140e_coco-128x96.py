"""DARK, hourglass of 4 stacks, COCO 128x96 (table 5)."""

_base_ = [
    '../_base_/datasets/topdown_coco-128x96.py',
    '../_base_/models/hourglass.py',
    '../_base_/default_runtime.py',
]

pipeline = [*_base_.loading, *_base_.augmentation_whole_body, _base_.crop, _base_.packing]
batch_size = 8
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=batch_size)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
optim_wrapper = dict(optimizer=dict(lr=2.5e-4))

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1, blur_kernel_size=11)
model = dict(
    # the stem of the official implementation; its map of 4x3 cells is halved, rounding down, and stretched back
    backbone=dict(num_stacks=4, stem_channels=(64, 128, 256), allow_uneven=True),
    head=dict(decoder=codec),
)
