"""HG-Int: 1 small stack with 4 residual modules in each place, LSPET 96x96 (as in figure 8)."""

_base_ = 'hourglass_4x32_1xb32-4e_lspet-96x96.py'

head = _base_.model.head.head
model = dict(
    backbone=dict(num_stacks=1, num_blocks=4, inner_predictions=2),
    head=dict(head=[dict(head, decoder=dict(heatmap_size=size)) for size in ((6, 6), (12, 12), (24, 24))]),
)
