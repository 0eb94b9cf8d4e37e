"""H3: binary cross-entropy of every cell with a disk; small ResNet-18, synthetic people at 64x64 (as in table 1)."""

_base_ = '_base_/synthetic-64x64.py'

model = dict(
    head=dict(loss_heatmap=dict(type='mmpose_ext.HeatmapBCELoss'), decoder=dict(heatmap_type='disk', decoding='shift'))
)
