"""H1, ResNet-101, COCO 256x256: the first stage of I1."""

_base_ = '_base_/coco-256x256.py'

model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')),
    head=dict(
        loss_heatmap=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(heatmap_type='gaussian', decoding='shift'),
    ),
)
