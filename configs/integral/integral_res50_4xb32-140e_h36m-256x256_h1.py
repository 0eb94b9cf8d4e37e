"""H1: mean squared error to a Gaussian; Human3.6M (strategy 1), ResNet-50 (as in table 7)."""

_base_ = '_base_/h36m-256x256.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss'), decoder=dict(heatmap_type='gaussian', decoding='shift')
    )
)
