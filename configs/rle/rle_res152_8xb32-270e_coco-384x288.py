"""RLE, ResNet-152, COCO 384x288 (table 3)."""

_base_ = ['../_base_/models/res50.py', '_base_/coco-384x288.py']

model = dict(
    backbone=dict(depth=152, init_cfg=dict(checkpoint='torchvision://resnet152')),
    head=dict(
        _delete_=True,
        type='mmpose_ext.RLEHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=17,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size),
    ),
)
