"""H1: mean squared error to a Gaussian; ResNet-50, MPII 256x256 (tables 1 to 3)."""

_base_ = [
    '../_base_/datasets/topdown_mpii.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

# random translation of 2 % of the image, and the scale, rotation and flip of the dataset's file
flip, box = _base_.augmentation
augmentation = [flip, dict(box, shift_factor=0.02, shift_prob=1)]
pipeline = [*_base_.loading, *augmentation, _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=4 * 32)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
default_hooks = dict(checkpoint=dict(save_best='PCK'))

maps = dict(input_size=(256, 256), heatmap_size=(64, 64), heatmap_type='gaussian', decoding='shift')
codec = dict(type='mmpose_ext.IntegralLabel', **maps)
loss = dict(type='KeypointMSELoss', use_target_weight=True)
layers = dict(in_channels=2048, out_channels=16, deconv_out_channels=(256, 256, 256))
head = dict(_delete_=True, type='mmpose_ext.IntegralHead', loss_heatmap=loss, decoder=codec, **layers)
model = dict(head=head)
