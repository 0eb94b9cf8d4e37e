"""Gaussian distribution with a learned sigma, no flow (as in table 7)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=None, q_distribution='gaussian')))
