"""Simple Baseline: ResNet-50 of stride 32 and three deconvolutions of 256 channels; starts from ImageNet weights."""

_base_ = 'topdown.py'

model = dict(
    backbone=dict(type='ResNet', depth=50, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(in_channels=2048, deconv_out_channels=(256, 256, 256)),
)
