"""The multi-stage ResNet-50 of the paper's table 4; the leaves add the losses.

Every stage has conv4, conv5 and a heat-map head of its own, on the features of conv3 and the maps of the stage before.
The paper does not say how many stages there are: here two.
"""

_base_ = 'mpii-256x256.py'

model = dict(
    backbone=dict(
        type='mmpose_ext.MultiStageResNet',
        num_stages=2,
        num_keypoints=_base_.model.head.out_channels,
        deconv_out_channels=_base_.model.head.deconv_out_channels,
    ),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=_base_.model.head.out_channels,
        head=dict(type=_base_.model.head.type),
        decoder=_base_.model.head.decoder,
    ),
)
