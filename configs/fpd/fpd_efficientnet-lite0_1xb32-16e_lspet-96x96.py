"""FPD, EfficientNet-Lite0, LSPET 96x96 (not in the paper): the small one of the package's two networks."""

_base_ = [
    '../_base_/datasets/topdown_lspet_boxes.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_16e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma is the same share of the map as the teacher's
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.125, blur_kernel_size=5)
teacher = 'dark_efficientnet-lite0_1xb32-32e_lspet-128x128'
model = dict(
    type='mmpose_ext.PoseDistiller',
    head=dict(deconv_out_channels=(32, 32), decoder=codec),
    teacher=dict(config=f'dark/{teacher}.py', checkpoint=f'work_dirs/{teacher}/epoch_32.pth'),
    alpha=0.5,
)
