"""I2: L1 of the expectation, from H2's weights (table 1)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h2.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_mpii-256x256_h2/epoch_140.pth'
