"""RLE; small ResNet-18, synthetic people at 128x96, from the backbone of H1 (as in tables 1, 6 and 7)."""

_base_ = [
    '../_base_/datasets/topdown_synthetic.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)
val_evaluator = [dict(_base_.val_evaluator, score_mode='bbox_rle'), dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator

# from scratch, points of a pooled feature are hardly learned in so short a time
start = 'work_dirs/integral_res18_1xb32-10e_synthetic-128x96_h1/epoch_10.pth'
codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size)
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', prefix='backbone.', checkpoint=start)),
    head=dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=256, num_joints=17, decoder=codec),
)
