"""Direct regression with L1 (as in tables 1 and 7)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RegressionHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.num_joints,
        decoder=_base_.model.head.decoder,
    )
)
