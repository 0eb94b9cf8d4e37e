"""Few synthetic people with depth and many without (strategy 2) at 64x64."""

_base_ = 'topdown_synthetic3d-2d-128x96.py'

input_size = (64, 64)
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
