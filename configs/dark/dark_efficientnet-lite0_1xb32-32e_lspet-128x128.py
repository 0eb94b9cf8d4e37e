"""DARK, EfficientNet-Lite0, LSPET 128x128 (not in the paper): the accurate one of the package's two networks."""

_base_ = [
    '../_base_/datasets/topdown_lspet-128x128_boxes.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_32e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
model = dict(
    backbone=dict(out_strides=(32,)),
    head=dict(in_channels=320, deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4), decoder=codec),
)
