"""DARK, Simple Baseline with ResNet-152, COCO 128x96 (table 5)."""

_base_ = 'dark_res50_2xb64-140e_coco-128x96.py'

model = dict(backbone=dict(depth=152, init_cfg=dict(checkpoint='torchvision://resnet152')))
