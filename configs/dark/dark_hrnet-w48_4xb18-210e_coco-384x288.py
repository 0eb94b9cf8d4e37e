"""DARK, HRNet-W48, COCO 384x288 (README of the official implementation)."""

_base_ = [
    '../_base_/datasets/topdown_coco-384x288.py',
    '../_base_/models/hrnet-w48.py',
    '../_base_/default_runtime.py',
]

batch_size = 18
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=4 * batch_size)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=3, blur_kernel_size=11)
model = dict(head=dict(decoder=codec))
