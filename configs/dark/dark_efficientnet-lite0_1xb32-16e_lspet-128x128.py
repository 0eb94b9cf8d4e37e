"""DARK, EfficientNet-Lite0, LSPET 128x128: the accurate one of the networks whose weights are in the package."""

_base_ = [
    '../_base_/datasets/topdown_lspet-128x128.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_16e.py',
]

# People are cut out as they are in use: boxes close to them, with MMPose's padding. They are turned further than in
# the tables, because people in photographs lie and stand on their hands, too.
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.25)]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.7, 1.3), rotate_factor=90, rotate_prob=0.7),
]
train_dataloader = dict(
    batch_size=32, dataset=dict(boxes='joints', pipeline=[*loading, *augmentation, _base_.crop, _base_.packing])
)
val_dataloader = dict(
    dataset=dict(boxes='joints', pipeline=[*loading, _base_.crop, dict(type='PackPoseInputs')]),
)
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, blur_kernel_size=7)
model = dict(
    backbone=dict(out_strides=(32,)),
    head=dict(in_channels=320, deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4), decoder=codec),
)
