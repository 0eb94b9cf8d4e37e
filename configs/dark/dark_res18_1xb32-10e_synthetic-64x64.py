"""DARK, a small ResNet-18, synthetic people at 64x64, which stands for 128x96 in table 4."""

_base_ = [
    '../_base_/datasets/topdown_synthetic-64x64.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma as at 96x64
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1, blur_kernel_size=3)
model = dict(head=dict(decoder=codec))
