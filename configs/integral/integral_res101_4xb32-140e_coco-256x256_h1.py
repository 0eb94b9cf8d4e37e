"""H1, ResNet-101, COCO 256x256: the first stage of I1 (table 6)."""

_base_ = [
    '../_base_/datasets/topdown_coco-256x256.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

flip, box = _base_.augmentation_whole_body
box = dict(box, scale_factor=(0.75, 1.25), rotate_factor=60, shift_factor=0.02, shift_prob=1)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=[*_base_.loading, flip, box, _base_.crop, _base_.packing]))
auto_scale_lr = dict(base_batch_size=4 * 32)
train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]

maps = dict(input_size=(256, 256), heatmap_size=(64, 64), heatmap_type='gaussian', decoding='shift')
codec = dict(type='mmpose_ext.IntegralLabel', **maps)
loss = dict(type='KeypointMSELoss', use_target_weight=True)
layers = dict(in_channels=2048, out_channels=17, deconv_out_channels=(256, 256, 256))
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101')),
    head=dict(_delete_=True, type='mmpose_ext.IntegralHead', loss_heatmap=loss, decoder=codec, **layers),
)
