"""I*: L1 of the expectation, without a heat-map stage; few people with depth (strategy 1, table 7)."""

_base_ = '_base_/synthetic3d-64x64.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
