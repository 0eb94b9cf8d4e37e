"""RLE, ResNet-50, COCO 256x192 (tables 1, 6 and 7)."""

_base_ = ['../_base_/models/res50.py', '_base_/coco-256x192.py']

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RLEHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=17,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size),
    )
)
