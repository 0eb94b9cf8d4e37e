"""The stacked hourglass of the paper's table 8, one stack as in table 3, from scratch; the leaves add the losses."""

_base_ = 'h36m-mpii-256x256.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpose_ext.StackedHourglass',
        num_stacks=1,
        # the maps of a volume, joint by joint
        num_keypoints=_base_.model.head.out_channels * _base_.model.head.depth_size,
    ),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=_base_.model.head.out_channels,
        head=dict(type=_base_.model.head.type, depth_size=_base_.model.head.depth_size),
        decoder=_base_.model.head.decoder,
    ),
)
