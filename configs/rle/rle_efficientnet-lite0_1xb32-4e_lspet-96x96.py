"""RLE; EfficientNet-Lite0, LSPET 96x96, from the backbone of H1 (as in tables 1, 6 and 7)."""

_base_ = [
    '../_base_/datasets/topdown_lspet.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_4e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)
*errors, coco, confidence = _base_.val_evaluator
val_evaluator = [*errors, dict(coco, score_mode='bbox_rle'), confidence]
test_evaluator = val_evaluator

start = 'work_dirs/integral_efficientnet-lite0_1xb32-4e_lspet-96x96_h1/epoch_4.pth'
codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size)
model = dict(
    # tables give "checkpoint" instead of "init_cfg" to the rows that start from ImageNet
    backbone=dict(checkpoint=None, init_cfg=dict(type='Pretrained', prefix='backbone.', checkpoint=start)),
    head=dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=112, num_joints=14, decoder=codec),
)
