"""FPD, EfficientNet-Lite0 up to stride 16, LSPET 96x96: the small one of the networks whose weights are in the package.

It learns from labels and from the accurate one, dark_efficientnet-lite0_1xb32-16e_lspet-128x128.
"""

_base_ = '../dark/dark_efficientnet-lite0_1xb32-16e_lspet-128x128.py'

max_epochs = 8
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)
]

input_size = (96, 96)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader

heatmap_size = tuple(side // 4 for side in input_size)
# sigma is the same share of the map as the teacher's
codec = dict(input_size=input_size, heatmap_size=heatmap_size, sigma=1.125, blur_kernel_size=5)
model = dict(
    type='mmpose_ext.PoseDistiller',
    backbone=dict(out_strides=(16,)),
    head=dict(in_channels=112, deconv_out_channels=(32, 32), deconv_kernel_sizes=(4, 4), decoder=codec),
    teacher=dict(
        config='dark/dark_efficientnet-lite0_1xb32-16e_lspet-128x128.py',
        checkpoint='work_dirs/dark_efficientnet-lite0_1xb32-16e_lspet-128x128/epoch_16.pth',
    ),
    alpha=0.5,
)
