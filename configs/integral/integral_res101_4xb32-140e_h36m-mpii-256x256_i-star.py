"""I*: L1 of the expectation, without a heat-map stage; Human3.6M and MPII (strategy 2), ResNet-101 (as in table 8)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-256x256_i-star.py'

model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')),
)
