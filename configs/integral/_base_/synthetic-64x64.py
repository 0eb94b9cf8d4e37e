"""Synthetic people at 64x64 (height x width): maps of a quarter of the input; the leaves add the losses."""

_base_ = ['synthetic.py', '../../_base_/datasets/topdown_synthetic-64x64.py']

train_dataloader = dict(batch_size=_base_.batch_size)

model = dict(
    head=dict(
        decoder=dict(
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            sigma=1,
            # The paper's 15 pixels are of 256. A quarter of them, .94 cells, would leave some joints a single cell.
            radius=5,
        )
    )
)

# how far a confidence tells whether its joint is right
val_evaluator = [_base_.val_evaluator, dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator
