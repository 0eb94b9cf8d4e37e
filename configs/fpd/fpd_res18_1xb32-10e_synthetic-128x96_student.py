"""The student alone: a ResNet-18 of a quarter of the teacher's width, synthetic people at 128x96."""

_base_ = '_base_/synthetic-128x96.py'

width = 8
model = dict(
    backbone=dict(stem_channels=width, base_channels=width),
    head=dict(in_channels=8 * width, deconv_out_channels=(16, 16, 16)),
)
