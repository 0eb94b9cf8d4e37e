"""RLE, ResNet-101, COCO 256x192 (not in the paper; in MMPose's tables)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')))
