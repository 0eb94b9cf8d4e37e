"""H1: mean squared error to a Gaussian; small ResNet-18, synthetic people at 64x64 (as in tables 1 and 2)."""

_base_ = '_base_/synthetic-64x64.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
