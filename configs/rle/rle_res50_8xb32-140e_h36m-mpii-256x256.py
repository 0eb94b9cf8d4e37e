"""RLE in three axes; Human3.6M and MPII, ResNet-50 (table 8)."""

_base_ = [
    '../_base_/datasets/topdown_h36m-mpii.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

# scale 30 %, rotation 30 degrees, flip; color 20 % is the dataset's
flip, box = _base_.augmentation
augmentation = [flip, dict(box, scale_factor=(0.7, 1.3))]
pipeline = [_base_.loading[0], *augmentation, _base_.crop, _base_.color, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=8 * 32)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))

codec = dict(type='mmpose_ext.RegressionLabel', input_size=(256, 256), depth_range=2000.0)  # millimeters
head = dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=2048, num_joints=17, dim=3, decoder=codec)
model = dict(head=head)
