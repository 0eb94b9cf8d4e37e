"""DARK, a small ResNet-18, synthetic people at 128x96: minutes on two CPU cores."""

_base_ = [
    '../_base_/datasets/topdown_synthetic.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma is wider than the paper's 1 and 3 at this size: a network this small learns wider peaks in fewer steps
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
model = dict(head=dict(decoder=codec))
