"""The baseline HRNet-W32, COCO 384x288 (table 4)."""

_base_ = 'dark_hrnet-w32_4xb28-210e_coco-384x288.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
