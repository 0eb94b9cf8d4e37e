"""RLE for animals: ResNet-50, AP-10K 256x256 (not in the paper)."""

_base_ = [
    '../_base_/datasets/topdown_ap10k.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=8 * 32)
val_evaluator = [dict(_base_.val_evaluator, score_mode='bbox_rle'), dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator

codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size)
head = dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=2048, num_joints=17, decoder=codec)
model = dict(head=head)
