"""RLE, ResNet-152, COCO 384x288 (table 3)."""

_base_ = [
    '../_base_/datasets/topdown_coco-384x288.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

pipeline = [*_base_.loading, *_base_.augmentation_rle, _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=8 * 32)
train_cfg = dict(max_epochs=270)
val_evaluator = [
    dict(_base_.val_evaluator, score_mode='bbox_rle'),
    dict(type='mmpose_ext.ConfidenceCorrelation', ann_file=_base_.val_evaluator.ann_file),
]
test_evaluator = val_evaluator

codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size)
model = dict(
    backbone=dict(depth=152, init_cfg=dict(checkpoint='torchvision://resnet152')),
    head=dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=2048, num_joints=17, decoder=codec),
)
