"""Integral regression, L1; Human3.6M and MPII, ResNet-50 (as in table 8)."""

_base_ = '_base_/h36m-mpii-256x256.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.IntegralHead3D',
        in_channels=_base_.model.head.in_channels,
        out_channels=_base_.model.head.out_channels,
        deconv_out_channels=_base_.model.head.deconv_out_channels,
        depth_size=64,
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        decoder=dict(
            type='mmpose_ext.IntegralLabel',
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            heatmap_type=None,
            depth_size=64,
            depth_range=_base_.depth_range,
        ),
    )
)
