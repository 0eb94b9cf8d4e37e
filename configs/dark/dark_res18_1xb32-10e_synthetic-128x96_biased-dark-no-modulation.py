"""Biased targets, decoded by DARK without modulation (as in table 2)."""

_base_ = 'dark_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', blur_kernel_size=None)))
