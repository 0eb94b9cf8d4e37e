"""H2: cross-entropy over all cells; few synthetic people with depth and many without (strategy 2; as in table 7)."""

_base_ = '_base_/synthetic3d-2d-64x64.py'

model = dict(
    head=dict(loss_heatmap=dict(type='mmpose_ext.VolumeCrossEntropyLoss'), decoder=dict(heatmap_type='one_hot')),
)
