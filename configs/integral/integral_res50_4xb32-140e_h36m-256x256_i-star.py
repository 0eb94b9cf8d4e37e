"""I*: L1 of the expectation, without a heat-map stage; Human3.6M (strategy 1), ResNet-50 (as in table 7)."""

_base_ = '_base_/h36m-256x256.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
