"""H2: cross-entropy of a softmax over all cells; ResNet-50, MPII 256x256 (table 1)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    )
)
