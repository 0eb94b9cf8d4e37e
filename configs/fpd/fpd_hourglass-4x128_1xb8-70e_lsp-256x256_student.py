"""The student alone: 4 stacks of 128 channels, LSP 256x256; the paper trains for 70 epochs (table 3)."""

_base_ = [
    '../_base_/datasets/topdown_lsp.py',
    '../_base_/models/hourglass.py',
    '../_base_/schedules/rmsprop_140e.py',
]

joints = 14
heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1, encoding='biased', decoding='shift')
model = dict(
    # colors from 0 to 1, as in both official implementations: their weights run here as they are
    data_preprocessor=dict(mean=[0, 0, 0], std=[255, 255, 255]),
    backbone=dict(num_keypoints=joints, num_stacks=4, feat_channels=128),
    # a joint without a label has a map of zeros, which counts like any other; with a weight of 0 it does not count
    head=dict(out_channels=joints, head=dict(unlabeled_weight=1), decoder=codec),
)
train_dataloader = dict(batch_size=8)
auto_scale_lr = dict(base_batch_size=8)
train_cfg = dict(max_epochs=70)
param_scheduler = [dict(_base_.param_scheduler[0], monitor='PCK/Mean')]
