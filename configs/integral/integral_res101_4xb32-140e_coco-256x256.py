"""I1: L1 of the expectation, from H1's weights; ResNet-101, COCO 256x256 (table 6)."""

_base_ = 'integral_res101_4xb32-140e_coco-256x256_h1.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res101_4xb32-140e_coco-256x256_h1/epoch_140.pth'
