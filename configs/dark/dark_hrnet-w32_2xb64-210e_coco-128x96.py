"""DARK, HRNet-W32, COCO 128x96 (tables 3, 4 and 5)."""

_base_ = [
    '../_base_/datasets/topdown_coco-128x96.py',
    '../_base_/models/hrnet-w32.py',
    '../_base_/default_runtime.py',
]

batch_size = 64
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=2 * batch_size)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1, blur_kernel_size=3)
model = dict(head=dict(decoder=codec))
