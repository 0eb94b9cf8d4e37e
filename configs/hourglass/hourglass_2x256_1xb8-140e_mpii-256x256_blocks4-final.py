"""HG-Stacked: as HG-Stacked-Int, with a loss on the last maps only, MPII 256x256 (figure 8)."""

_base_ = 'hourglass_2x256_1xb8-140e_mpii-256x256_blocks4.py'

model = dict(head=dict(loss_weights=(0, 1)))
