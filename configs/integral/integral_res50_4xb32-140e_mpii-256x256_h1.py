"""H1: mean squared error to a Gaussian; ResNet-50, MPII 256x256 (tables 1 to 3)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
