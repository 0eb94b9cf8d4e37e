"""HG: 1 small stack with 4 residual modules in each place, synthetic people at 128x96 (figures 8 and 9)."""

_base_ = '_base_/synthetic-128x96.py'

model = dict(backbone=dict(num_stacks=1, num_blocks=4))
