"""HG-Stacked-Int: 2 stacks with 4 residual modules in each place, MPII 256x256 (figures 8 and 9)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(backbone=dict(num_stacks=2, num_blocks=4))
