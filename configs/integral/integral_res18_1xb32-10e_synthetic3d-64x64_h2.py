"""H2: cross-entropy of a softmax over all cells; few synthetic people with depth (strategy 1, as in table 7)."""

_base_ = 'integral_res18_1xb32-10e_synthetic3d-64x64_i-star.py'

model = dict(
    backbone=dict(init_cfg=None),  # from scratch: the others start from this one's weights
    head=dict(
        loss_coord=None,
        loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'),
        decoder=dict(heatmap_type='one_hot', decoding='shift'),
    ),
)
