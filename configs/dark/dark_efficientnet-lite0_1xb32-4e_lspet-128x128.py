"""DARK, EfficientNet-Lite0, LSPET 128x128, which stands for 384x288 in table 4."""

_base_ = [
    '../_base_/datasets/topdown_lspet-128x128.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_4e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma grows with the size, as in the paper
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=2, blur_kernel_size=11)
model = dict(head=dict(decoder=codec))
