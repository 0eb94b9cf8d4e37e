"""I1 from H1's weights with maps of an eighth of the input (table 2)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1-map32x32.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_mpii-256x256_h1-map32x32/epoch_140.pth'
