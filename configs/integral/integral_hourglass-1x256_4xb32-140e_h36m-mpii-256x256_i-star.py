"""I*: L1 of the expectation, without a heat-map stage; stacked hourglass (as in table 8)."""

_base_ = '_base_/h36m-mpii-256x256_hourglass.py'

model = dict(head=dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss'))))
