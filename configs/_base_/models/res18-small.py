"""ResNet-18 and three deconvolutions of 64 channels, from scratch: small enough to train on two CPU cores."""

_base_ = 'topdown.py'

model = dict(
    backbone=dict(type='ResNet', depth=18),
    head=dict(in_channels=512, deconv_out_channels=(64, 64, 64)),
)
