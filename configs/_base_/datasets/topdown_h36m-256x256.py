"""Human3.6M at 256x256, protocol 2, 3D samples alone (strategy 1)."""

_base_ = 'topdown_h36m.py'

input_size = (256, 256)
crop = dict(type='TopdownAffine', input_size=input_size)

pipeline = [*_base_.loading, *_base_.augmentation, crop, _base_.colour, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
