"""Biased targets, decoded by DARK without modulation (table 2)."""

_base_ = 'dark_hrnet-w32_2xb64-210e_coco-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', blur_kernel_size=None)))
