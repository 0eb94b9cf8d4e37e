"""FPD: 4 stacks of 32 channels learn from 8 of 256, MPII 256x256; a smaller student than the paper's."""

_base_ = '../hourglass/hourglass_4x32_1xb8-140e_mpii-256x256.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py',
        checkpoint='work_dirs/hourglass_8x256_1xb8-140e_mpii-256x256/epoch_140.pth',
    ),
    alpha=0.5,
)
