"""I1 from H1's weights, ResNet-50, MPII 128x128 (table 2)."""

_base_ = 'integral_res50_4xb32-140e_mpii-128x128_h1.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_mpii-128x128_h1/epoch_140.pth'
