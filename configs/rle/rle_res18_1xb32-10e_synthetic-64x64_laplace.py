"""Laplace distribution with a learned sigma, no flow (as in table 7)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-64x64.py'

model = dict(head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=None)))
