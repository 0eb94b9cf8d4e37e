"""DARK's targets, quarter shift (table 3)."""

_base_ = 'dark_hrnet-w32_2xb64-210e_coco-128x96.py'

model = dict(head=dict(decoder=dict(decoding='shift')))
