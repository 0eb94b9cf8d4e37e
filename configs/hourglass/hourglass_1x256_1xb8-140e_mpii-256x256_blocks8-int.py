"""HG-Int: 1 stack with 8 residual modules in each place and a loss at the two next lower resolutions (figure 8)."""

_base_ = 'hourglass_8x256_1xb8-140e_mpii-256x256.py'

head = _base_.model.head.head
model = dict(
    backbone=dict(num_stacks=1, num_blocks=8, inner_predictions=2),
    head=dict(head=[dict(head, decoder=dict(heatmap_size=(side, side))) for side in (16, 32, 64)]),
)
