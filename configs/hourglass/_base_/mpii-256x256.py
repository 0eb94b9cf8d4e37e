"""MPII at 256x256, maps of 64x64; measured as by MPII's own program, with the area under the curve."""

_base_ = ['paper.py', '../../_base_/datasets/topdown_mpii-256x256.py']

train_dataloader = dict(batch_size=_base_.batch_size)

joints = 16
model = dict(
    backbone=dict(num_keypoints=joints),
    head=dict(
        out_channels=joints,
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    ),
)

val_evaluator = dict(_delete_=True, type='mmpose_ext.PCKhAccuracy')
test_evaluator = val_evaluator
