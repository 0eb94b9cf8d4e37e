"""HG-Stacked: as HG-Stacked-Int, with a loss on the last maps only, synthetic people at 128x96 (figure 8)."""

_base_ = 'hourglass_2x32_1xb32-10e_synthetic-128x96_blocks2.py'

model = dict(head=dict(loss_weights=(0, 1)))
