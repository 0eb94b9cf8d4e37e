"""FreiHAND at 224x224."""

_base_ = 'topdown_freihand.py'

input_size = (224, 224)
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
