"""FPD from maps to coordinates: integral regression, ResNet-18, from the hourglass, MPII (not in the paper)."""

_base_ = '../integral/integral_res50_4xb32-140e_mpii-256x256_i-star.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    head=dict(in_channels=512),
    teacher=dict(
        config='hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py',
        checkpoint='work_dirs/hourglass_8x256_1xb8-140e_mpii-256x256/epoch_140.pth',
    ),
    alpha=0.5,
)
