"""I1: L1 of the expectation, from H1's weights; ResNet-50, MPII 256x256 (tables 1 to 3)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_mpii-256x256_h1/epoch_140.pth'
