"""HG-Int: 1 small stack with 4 residual modules in each place, synthetic people at 128x96 (as in figure 8)."""

_base_ = 'hourglass_4x32_1xb32-10e_synthetic-128x96.py'

head = _base_.model.head.head
model = dict(
    backbone=dict(num_stacks=1, num_blocks=4, inner_predictions=2),
    head=dict(head=[dict(head, decoder=dict(heatmap_size=size)) for size in ((6, 8), (12, 16), (24, 32))]),
)
