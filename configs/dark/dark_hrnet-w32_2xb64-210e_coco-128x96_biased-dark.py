"""Biased targets, decoded by DARK (tables 1, 2 and 3)."""

_base_ = 'dark_hrnet-w32_2xb64-210e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased')))
