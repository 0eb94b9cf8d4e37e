"""H2: cross-entropy of a softmax over all cells; Human3.6M and MPII (strategy 2), ResNet-50 (as in table 7)."""

_base_ = '_base_/h36m-mpii-256x256.py'

model = dict(
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    )
)
