"""I*: L1 of the expectation of volumes; Human3.6M and MPII at 128x128, ResNet-50 (table 9)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-256x256_i-star.py'

crop = dict(type='TopdownAffine', input_size=(128, 128))
pipeline = [_base_.loading[0], *_base_.augmentation, crop, _base_.color, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
model = dict(
    head=dict(depth_size=32, decoder=dict(input_size=(128, 128), heatmap_size=(32, 32), depth_size=32)),
)
