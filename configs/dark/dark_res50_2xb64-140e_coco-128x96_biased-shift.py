"""Simple Baseline with ResNet-50, COCO 128x96 (table 5)."""

_base_ = 'dark_res50_2xb64-140e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
