"""H3: binary cross-entropy of every cell with a disk; ResNet-50, MPII 256x256 (table 1)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(
    head=dict(loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss'), decoder=dict(heatmap_type='disk', decoding='shift'))
)
