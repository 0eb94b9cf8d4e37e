"""H1: mean squared error to a Gaussian; Human3.6M and MPII at 128x128 (as in table 9)."""

_base_ = '_base_/h36m-mpii-128x128.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss'), decoder=dict(heatmap_type='gaussian', decoding='shift')
    )
)
