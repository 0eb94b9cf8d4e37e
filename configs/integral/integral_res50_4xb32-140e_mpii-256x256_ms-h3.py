"""MS-H3: multi-stage ResNet-50, in every stage binary cross-entropy of every cell with a disk (table 4)."""

_base_ = '_base_/mpii-256x256_multi-stage.py'

model = dict(
    head=dict(
        head=dict(loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss')),
        decoder=dict(heatmap_type='disk', decoding='shift'),
    )
)
