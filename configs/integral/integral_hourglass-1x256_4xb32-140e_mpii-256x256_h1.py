"""H1, stacked hourglass, MPII 256x256 (table 3)."""

_base_ = '_base_/mpii-256x256_hourglass.py'

model = dict(
    head=dict(
        head=dict(loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True)),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
