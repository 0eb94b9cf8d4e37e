"""MS-H1: multi-stage ResNet-50, in every stage mean squared error to a Gaussian (table 4)."""

_base_ = '_base_/mpii-256x256_multi-stage.py'

model = dict(
    head=dict(
        head=dict(loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True)),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
