"""Synthetic people with depth at 128x96 (height x width), few 3D samples (strategy 1)."""

_base_ = 'topdown_synthetic3d.py'

input_size = (96, 128)
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
