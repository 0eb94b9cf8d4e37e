"""HG-Stacked-Int: 2 small stacks with 2 residual modules in each place, synthetic people (figures 8 and 9)."""

_base_ = '_base_/synthetic-128x96.py'

model = dict(backbone=dict(num_stacks=2, num_blocks=2))
