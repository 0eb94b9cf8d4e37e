"""FLIC at 256x256, maps of 64x64; 260 epochs are a third of MPII's pictures: the program takes a day, and 3 on MPII."""

_base_ = ['paper.py', '../../_base_/datasets/topdown_flic-256x256.py']

train_dataloader = dict(batch_size=_base_.batch_size)

joints = 11
model = dict(
    backbone=dict(num_keypoints=joints),
    head=dict(
        out_channels=joints,
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    ),
)

train_cfg = dict(max_epochs=260, val_interval=10)
param_scheduler = [dict(_base_.param_scheduler[0], monitor='PCK/Mean')]
