"""Biased targets, decoded by argmax (as in table 1)."""

_base_ = 'dark_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='argmax')))
