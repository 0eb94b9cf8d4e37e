"""RLE for animals: ResNet-50, AP-10K 256x256 (not in the paper)."""

_base_ = ['_base_/others.py', '../_base_/datasets/topdown_ap10k-256x256.py']

train_dataloader = dict(batch_size=_base_.batch_size)
model = dict(head=dict(num_joints=17, decoder=dict(input_size=_base_.input_size)))
val_evaluator = [dict(_base_.val_evaluator, score_mode='bbox_rle'), dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator
