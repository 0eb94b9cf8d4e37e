"""H2: cross-entropy of a softmax over all cells; few people with depth (strategy 1, table 7)."""

_base_ = '_base_/synthetic3d-64x64.py'

model = dict(
    backbone=dict(init_cfg=None),  # from scratch: where the others start
    head=dict(
        loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    ),
)
