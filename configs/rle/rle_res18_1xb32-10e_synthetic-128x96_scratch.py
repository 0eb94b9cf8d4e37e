"""RLE without the start from a heat-map net (as in table 1)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(backbone=dict(init_cfg=None))
