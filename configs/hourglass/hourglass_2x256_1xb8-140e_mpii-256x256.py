"""2 stacks of 256 channels, MPII 256x256 (FPD's table 5)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(backbone=dict(num_stacks=2))
