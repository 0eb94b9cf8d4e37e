"""H1, ResNet-50, MPII 128x128 (table 2)."""

_base_ = '_base_/mpii-128x128.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
