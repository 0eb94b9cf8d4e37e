"""R1: average pooling and a fully connected layer, L1; Human3.6M and MPII (strategy 2), ResNet-50 (as in table 7)."""

_base_ = '_base_/h36m-mpii-256x256.py'

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
