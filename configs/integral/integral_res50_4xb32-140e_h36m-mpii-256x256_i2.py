"""I2: L1 of the expectation, from H2's weights; Human3.6M and MPII (strategy 2), ResNet-50 (as in table 7)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-256x256_h2.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_h36m-mpii-256x256_h2/epoch_140.pth'
