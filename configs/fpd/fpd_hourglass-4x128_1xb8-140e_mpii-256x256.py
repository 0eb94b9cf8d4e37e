"""FPD: 4 stacks of 128 channels learn from 8 of 256, MPII 256x256 (tables 6 to 8)."""

_base_ = '../hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    backbone=dict(num_stacks=4, feat_channels=128),
    teacher=dict(
        config='hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py',
        checkpoint='work_dirs/hourglass_8x256_1xb8-140e_mpii-256x256/epoch_140.pth',
    ),
    alpha=0.5,
)
