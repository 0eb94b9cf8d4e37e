"""LSPET at 128x128 as people are cut out in use (topdown_lspet_boxes.py)."""

_base_ = 'topdown_lspet_boxes.py'

input_size = (128, 128)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
