"""RLE on a Gaussian distribution (table 7)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(head=dict(loss=dict(type='mmpose_ext.RLELoss', q_distribution='gaussian')))
