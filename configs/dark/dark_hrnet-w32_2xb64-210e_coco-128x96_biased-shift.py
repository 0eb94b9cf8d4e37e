"""The baseline HRNet: biased targets, quarter shift (tables 1, 3, 4 and 5)."""

_base_ = 'dark_hrnet-w32_2xb64-210e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
