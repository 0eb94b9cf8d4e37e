"""Direct regression with the squared distance (table 7)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RegressionHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.num_joints,
        loss=dict(type='mmpose_ext.CoordinateLoss', norm='l2'),
        decoder=_base_.model.head.decoder,
    )
)
