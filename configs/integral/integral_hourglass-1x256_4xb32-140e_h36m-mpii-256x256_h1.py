"""H1: mean squared error to a Gaussian; stacked hourglass (as in table 8)."""

_base_ = '_base_/h36m-mpii-256x256_hourglass.py'

model = dict(
    head=dict(
        head=dict(loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss')),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    )
)
