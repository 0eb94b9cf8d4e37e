"""Gaussian distribution with a learned sigma, no flow (table 7)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=None, q_distribution='gaussian')))
