"""1 small stack, synthetic people at 128x96 (FPD's table 5)."""

_base_ = '_base_/synthetic-128x96.py'

model = dict(backbone=dict(num_stacks=1))
