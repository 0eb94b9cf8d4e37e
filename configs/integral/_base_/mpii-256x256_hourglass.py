"""The stacked hourglass of the paper's table 3, from scratch; the leaves add the losses.

The paper does not say how many stacks there are: here one, as deep as one ResNet. ``model.backbone.num_stacks`` makes
others, with the losses on every stack.
"""

_base_ = 'mpii-256x256.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpose_ext.StackedHourglass',
        num_stacks=1,
        num_keypoints=_base_.model.head.out_channels,
    ),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=_base_.model.head.out_channels,
        head=dict(type=_base_.model.head.type),
        decoder=_base_.model.head.decoder,
    ),
)
