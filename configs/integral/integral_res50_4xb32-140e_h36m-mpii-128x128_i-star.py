"""I*: L1 of the expectation, without a heat-map stage; Human3.6M and MPII at 128x128 (as in table 9)."""

_base_ = '_base_/h36m-mpii-128x128.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
