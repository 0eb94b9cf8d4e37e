"""HG-Int: HG with a loss at the two next lower resolutions, too, synthetic people at 128x96 (figure 8)."""

_base_ = 'hourglass_1x32_1xb32-10e_synthetic-128x96_blocks4.py'

stage = _base_.model.head.head
sizes = [tuple(side // stride for side in _base_.input_size) for stride in (16, 8, 4)]
model = dict(
    backbone=dict(inner_predictions=2), head=dict(head=[dict(stage, decoder=dict(heatmap_size=size)) for size in sizes])
)
