"""Human3.6M and MPII at 128x128, protocol 2, half of each batch from either (strategy 2)."""

_base_ = 'topdown_h36m-mpii-256x256.py'

input_size = (128, 128)
crop = dict(type='TopdownAffine', input_size=input_size)

pipeline = [*_base_.loading, *_base_.augmentation, crop, _base_.colour, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=[_base_.loading[0], *pipeline[2:]]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
