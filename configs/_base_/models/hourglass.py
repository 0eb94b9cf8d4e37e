"""Stacked hourglass (Newell et al., ECCV 2016), 8 stacks of 256 channels, a loss on the maps of each; from scratch.

Other networks are ``model.backbone`` alone: num_stacks, feat_channels, num_blocks. The joints are in two places, the
backbone, which makes the maps, and the head.
"""

_base_ = 'topdown.py'

model = dict(
    backbone=dict(
        type='mmpose_ext.StackedHourglass',
        num_stacks=8,
        feat_channels=256,
        num_keypoints=_base_.model.head.out_channels,
    ),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=_base_.model.head.out_channels,
        head=dict(type=_base_.model.head.type, loss=_base_.model.head.loss),
        decoder=_base_.model.head.decoder,
    ),
)
