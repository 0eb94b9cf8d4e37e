"""DARK, hourglass of 8 stacks, COCO 128x96 (table 5)."""

_base_ = 'dark_hourglass-4x256_1xb8-140e_coco-128x96.py'

# sigma 2 in its yaml file, and 1 with 4 stacks
model = dict(backbone=dict(num_stacks=8), head=dict(decoder=dict(sigma=2)))
