"""I*: L1 of the expectation, without a heat-map stage (as in table 1)."""

_base_ = '_base_/synthetic-64x64.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
