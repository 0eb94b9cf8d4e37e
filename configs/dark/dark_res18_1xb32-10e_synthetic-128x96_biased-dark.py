"""Biased targets, decoded by DARK (as in tables 1, 2 and 3)."""

_base_ = 'dark_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased')))
