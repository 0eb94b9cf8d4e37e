"""H1, ResNet-50, MPII 128x128 (table 2)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

crop = dict(type='TopdownAffine', input_size=(128, 128))
pipeline = [*_base_.loading, *_base_.augmentation, crop, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
model = dict(head=dict(decoder=dict(input_size=(128, 128), heatmap_size=(32, 32))))
