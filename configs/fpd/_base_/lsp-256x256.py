"""LSP at 256x256, maps of 64x64; the paper trains for 70 epochs."""

_base_ = ['../../hourglass/_base_/paper.py', '../../_base_/datasets/topdown_lsp-256x256.py']

train_dataloader = dict(batch_size=_base_.batch_size)

joints = 14
model = dict(
    backbone=dict(num_keypoints=joints),
    head=dict(
        out_channels=joints,
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    ),
)

train_cfg = dict(max_epochs=70)
param_scheduler = [dict(_base_.param_scheduler[0], monitor='PCK/Mean')]
