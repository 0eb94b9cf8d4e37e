"""DARK, Simple Baseline with ResNet-50, COCO 128x96 (table 5)."""

_base_ = [
    '../_base_/datasets/topdown_coco-128x96.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

pipeline = [*_base_.loading, *_base_.augmentation_whole_body, _base_.crop, _base_.packing]
batch_size = 64
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=2 * batch_size)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1, blur_kernel_size=3)
model = dict(head=dict(decoder=codec))
