"""RLE around the expectation of maps, HRNet-W32, COCO 256x192 (table 2)."""

_base_ = [
    '../_base_/datasets/topdown_coco.py',
    '../_base_/models/hrnet-w32.py',
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
head = dict(type='mmpose_ext.IntegralRLEHead', in_channels=32, num_joints=17, deconv_out_channels=None)
model = dict(head=dict(_delete_=True, decoder=codec, **head))
