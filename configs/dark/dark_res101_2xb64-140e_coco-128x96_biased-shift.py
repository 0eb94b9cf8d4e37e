"""Simple Baseline with ResNet-101, COCO 128x96 (table 5)."""

_base_ = 'dark_res101_2xb64-140e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
