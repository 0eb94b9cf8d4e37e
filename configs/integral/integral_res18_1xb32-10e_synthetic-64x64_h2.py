"""H2: cross-entropy of a softmax over all cells; small ResNet-18, synthetic people at 64x64 (as in table 1)."""

_base_ = '_base_/synthetic-64x64.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    )
)
