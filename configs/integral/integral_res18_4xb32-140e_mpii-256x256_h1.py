"""H1, ResNet-18, MPII 256x256 (table 3)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

model = dict(backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')), head=dict(in_channels=512))
