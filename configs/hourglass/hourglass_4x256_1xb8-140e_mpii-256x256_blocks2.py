"""4 stacks with 2 residual modules in each place, MPII 256x256 (figure 9)."""

_base_ = '_base_/mpii-256x256.py'

model = dict(backbone=dict(num_stacks=4, num_blocks=2))
