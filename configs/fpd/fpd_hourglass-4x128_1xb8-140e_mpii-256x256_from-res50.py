"""FPD from another backbone: 4 stacks of 128 channels learn from ResNet-50, MPII 256x256 (not in the paper)."""

_base_ = '../hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    backbone=dict(num_stacks=4, feat_channels=128),
    teacher=dict(
        config='integral/integral_res50_4xb32-140e_mpii-256x256_h1.py',
        checkpoint='work_dirs/integral_res50_4xb32-140e_mpii-256x256_h1/epoch_140.pth',
    ),
    alpha=0.5,
)
