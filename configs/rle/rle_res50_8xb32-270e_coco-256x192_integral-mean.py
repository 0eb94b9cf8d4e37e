"""RLE around the expectation of maps (not in the paper; the author reports it elsewhere)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(head=dict(type='mmpose_ext.IntegralRLEHead'))
