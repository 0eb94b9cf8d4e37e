"""Synthetic people at 128x96 (height x width): maps of a quarter of the input; the leaves add the losses."""

_base_ = ['synthetic.py', '../../_base_/datasets/topdown_synthetic-128x96.py']

train_dataloader = dict(batch_size=_base_.batch_size)

model = dict(
    head=dict(
        decoder=dict(
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            # wider than the paper's 1, as in DARK's config: a network this small learns wider peaks in fewer steps
            sigma=1.5,
            # the paper's 15 pixels are of 256; half the input, half the radius
            radius=7.5,
        )
    )
)

# how far a confidence tells whether its joint is right
val_evaluator = [_base_.val_evaluator, dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator
