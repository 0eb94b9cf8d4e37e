"""DARK, EfficientNet-Lite0, LSPET 128x128 (not in the paper): photographs, half an hour on one CPU core."""

_base_ = [
    '../_base_/datasets/topdown_lspet-128x128.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_6e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
# all layers are trained, unlike those of the tables
model = dict(backbone=dict(frozen_stages=-1), head=dict(decoder=codec))
