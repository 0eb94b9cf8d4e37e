"""I*: L1 of the expectation, without a heat-map stage (table 1)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
