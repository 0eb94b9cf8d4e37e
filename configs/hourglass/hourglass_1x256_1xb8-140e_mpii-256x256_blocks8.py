"""HG: 1 stack with 8 residual modules in each place, MPII 256x256 (figures 8 and 9)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(backbone=dict(num_stacks=1, num_blocks=8))
