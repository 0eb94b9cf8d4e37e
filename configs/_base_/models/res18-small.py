"""ResNet-18 of half width and three deconvolutions of 64 channels, from scratch: trains in minutes on two CPU cores."""

_base_ = 'topdown.py'

width = 32
model = dict(
    backbone=dict(type='ResNet', depth=18, stem_channels=width, base_channels=width),
    head=dict(in_channels=8 * width, deconv_out_channels=(64, 64, 64)),
)
