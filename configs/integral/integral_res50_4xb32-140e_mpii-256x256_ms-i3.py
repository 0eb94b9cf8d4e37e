"""MS-I3: in every stage L1 of the expectation, from MS-H3's weights (table 4)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_ms-h3.py'

model = dict(
    head=dict(
        head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss'), loss_heatmap=None),
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
load_from = 'work_dirs/integral_res50_4xb32-140e_mpii-256x256_ms-h3/epoch_140.pth'
