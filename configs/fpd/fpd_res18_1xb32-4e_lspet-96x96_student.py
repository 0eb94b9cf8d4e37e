"""The student alone: a ResNet-18 of a quarter of its width, from scratch; LSPET 96x96."""

_base_ = [
    '../_base_/datasets/topdown_lspet.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_4e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

width = 16
heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
head = dict(in_channels=8 * width, out_channels=14, deconv_out_channels=(32, 32, 32), decoder=codec)
model = dict(backbone=dict(stem_channels=width, base_channels=width), head=head)
