"""H1, stacked hourglass, MPII 256x256 (table 3). The paper does not say how many stacks there are: here one."""

_base_ = [
    '../_base_/datasets/topdown_mpii.py',
    '../_base_/models/hourglass.py',
    '../_base_/default_runtime.py',
]

# random translation of 2 % of the image, and the scale, rotation and flip of the dataset's file
flip, box = _base_.augmentation
pipeline = [*_base_.loading, flip, dict(box, shift_factor=0.02, shift_prob=1), _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=4 * 32)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
default_hooks = dict(checkpoint=dict(save_best='PCK'))

maps = dict(input_size=(256, 256), heatmap_size=(64, 64), heatmap_type='gaussian', decoding='shift')
codec = dict(type='mmpose_ext.IntegralLabel', **maps)
loss = dict(type='KeypointMSELoss', use_target_weight=True)
head = dict(_delete_=True, type='mmpose_ext.IntegralHead', loss_heatmap=loss)
model = dict(
    backbone=dict(_delete_=True, type='mmpose_ext.StackedHourglass', num_stacks=1, num_keypoints=16),
    head=dict(out_channels=16, head=head, decoder=dict(_delete_=True, **codec)),
)
