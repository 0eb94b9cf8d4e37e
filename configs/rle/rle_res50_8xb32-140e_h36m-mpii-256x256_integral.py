"""Integral regression, L1 of the expectation of volumes; Human3.6M and MPII, ResNet-50 (table 8)."""

_base_ = 'rle_res50_8xb32-140e_h36m-mpii-256x256.py'

codec = dict(input_size=(256, 256), heatmap_size=(64, 64), heatmap_type=None, depth_size=64, depth_range=2000.0)
layers = dict(in_channels=2048, out_channels=17, deconv_out_channels=(256, 256, 256), depth_size=64)
model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.IntegralHead3D',
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        decoder=dict(type='mmpose_ext.IntegralLabel', **codec),
        **layers,
    )
)
