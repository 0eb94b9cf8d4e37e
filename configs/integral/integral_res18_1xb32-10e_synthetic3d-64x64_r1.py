"""R1: average pooling and a fully connected layer, L1; few people with depth (strategy 1, table 7)."""

_base_ = '_base_/synthetic3d-64x64.py'

decoder = _base_.model.head.decoder
model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RegressionHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.out_channels,
        dim=3,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=decoder.input_size, depth_range=decoder.depth_range),
    )
)
