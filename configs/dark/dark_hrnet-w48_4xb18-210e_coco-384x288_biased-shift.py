"""The baseline HRNet-W48, COCO 384x288 (README of the paper's program)."""

_base_ = 'dark_hrnet-w48_4xb18-210e_coco-384x288.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
