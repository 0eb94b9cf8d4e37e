"""The baseline HRNet-W48, COCO 128x96 (table 5)."""

_base_ = 'dark_hrnet-w48_2xb64-210e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
