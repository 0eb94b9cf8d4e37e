"""I*: L1 of the expectation, without a heat-map stage; people with and without depth (strategy 2, table 7)."""

_base_ = '_base_/synthetic3d-2d-64x64.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
