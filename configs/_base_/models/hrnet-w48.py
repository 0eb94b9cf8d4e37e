"""HRNet-W48: half as wide again as W32."""

_base_ = 'hrnet-w32.py'

width = 48
model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(width, 2 * width)),
            stage3=dict(num_channels=(width, 2 * width, 4 * width)),
            stage4=dict(num_channels=(width, 2 * width, 4 * width, 8 * width)),
        ),
        init_cfg=dict(checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w48-8ef0771d.pth'),
    ),
    head=dict(in_channels=width),
)
