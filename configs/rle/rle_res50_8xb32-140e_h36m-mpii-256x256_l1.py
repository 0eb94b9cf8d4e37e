"""Direct regression, L1; Human3.6M and MPII, ResNet-50 (as in table 8)."""

_base_ = '_base_/h36m-mpii-256x256.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RegressionHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.out_channels,
        dim=3,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size, depth_range=_base_.depth_range),
    )
)
