"""DARK, HRNet-W32, MPII 256x256 (table 7)."""

_base_ = [
    '../_base_/datasets/topdown_mpii.py',
    '../_base_/models/hrnet-w32.py',
    '../_base_/default_runtime.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=4 * batch_size)
default_hooks = dict(checkpoint=dict(save_best='PCK'))

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=2, blur_kernel_size=11)
model = dict(head=dict(out_channels=16, decoder=codec))
