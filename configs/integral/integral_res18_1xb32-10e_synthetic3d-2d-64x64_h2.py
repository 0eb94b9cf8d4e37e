"""H2: cross-entropy over all cells; people with and without depth (strategy 2, table 7)."""

_base_ = '_base_/synthetic3d-2d-64x64.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    ),
)
