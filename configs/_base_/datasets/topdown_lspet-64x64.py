"""The extended training set of Leeds Sports Poses (LSPET) at 64x64."""

_base_ = 'topdown_lspet.py'

input_size = (64, 64)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
