"""ResNet-50 for Human3.6M and MPII, protocol 2, in the recipe of the paper's table 8; the leaves add the head.

Paper and program agree on Adam at 1e-3 and on a tenth at 90 and at 120; the program goes on to 200 epochs, with other
augmentations from 140 on, of which the paper says nothing. Its occluding rectangles are left out.
"""

_base_ = [
    '../../_base_/models/res50.py',
    '../../_base_/schedules/adam_140e.py',
    '../../_base_/default_runtime.py',
    '../../_base_/datasets/topdown_h36m-mpii-256x256.py',
]

auto_scale_lr = dict(base_batch_size=8 * _base_.train_dataloader.batch_size)

# scale 30 %, rotation 30 degrees, flip; colour 20 % is the data set's
augmentation_rle = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.7, 1.3), rotate_factor=60, rotate_prob=0.6),
]
pipeline = [_base_.loading[0], *augmentation_rle, _base_.crop, _base_.colour, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))

depth_range = 2000.0  # millimetres
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))
