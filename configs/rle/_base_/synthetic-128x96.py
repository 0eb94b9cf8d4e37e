"""Synthetic people at 128x96 (height x width), from the backbone of integral regression's heat-map net H1."""

_base_ = ['synthetic.py', '../../_base_/datasets/topdown_synthetic-128x96.py']

train_dataloader = dict(batch_size=_base_.batch_size)

model = dict(
    # from scratch, points of a pooled feature are hardly learned in so short a time
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='work_dirs/integral_res18_1xb32-10e_synthetic-128x96_h1/epoch_10.pth',
        )
    ),
    head=dict(decoder=dict(input_size=_base_.input_size)),
)

val_evaluator = [
    dict(_base_.val_evaluator, score_mode='bbox_rle'),
    dict(type='mmpose_ext.ConfidenceCorrelation'),
]
test_evaluator = val_evaluator
