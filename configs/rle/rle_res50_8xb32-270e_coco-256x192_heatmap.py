"""Simple Baseline: heatmaps, ResNet-50, COCO 256x192 (tables 2 and 4)."""

_base_ = [
    '../_base_/datasets/topdown_coco.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

pipeline = [*_base_.loading, *_base_.augmentation_rle, _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=pipeline))
auto_scale_lr = dict(base_batch_size=8 * 32)
train_cfg = dict(max_epochs=270)
val_evaluator = [
    dict(_base_.val_evaluator, score_mode='bbox_keypoint'),
    dict(type='mmpose_ext.ConfidenceCorrelation', ann_file=_base_.val_evaluator.ann_file),
]
test_evaluator = val_evaluator

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=2, encoding='biased', decoding='shift')
model = dict(head=dict(decoder=codec))
