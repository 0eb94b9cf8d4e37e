"""RLE around the expectation of maps (as in table 2)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(type='mmpose_ext.IntegralRLEHead', deconv_out_channels=(64, 64, 64)))
