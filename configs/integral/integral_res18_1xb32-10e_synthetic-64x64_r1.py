"""R1: average pooling and a fully connected layer, L1; the baseline (as in table 1)."""

_base_ = '_base_/synthetic-64x64.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RegressionHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.out_channels,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size),
    )
)
