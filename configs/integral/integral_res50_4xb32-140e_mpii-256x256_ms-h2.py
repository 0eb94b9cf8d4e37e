"""MS-H2: multi-stage ResNet-50, in every stage cross-entropy of a softmax over all cells (table 4)."""

_base_ = '_base_/mpii-256x256_multi-stage.py'

model = dict(
    head=dict(
        head=dict(loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss')),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    )
)
