"""Hourglass of 4 stacks, COCO 128x96 (table 5)."""

_base_ = 'dark_hourglass-4x256_1xb8-140e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
