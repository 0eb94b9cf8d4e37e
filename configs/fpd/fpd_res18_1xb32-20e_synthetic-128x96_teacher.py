"""The teacher: a ResNet-18 of half width, trained twice as long as the students; synthetic people at 128x96."""

_base_ = 'fpd_res18_1xb32-10e_synthetic-128x96_student.py'

width = 32
model = dict(
    backbone=dict(stem_channels=width, base_channels=width),
    head=dict(in_channels=8 * width, deconv_out_channels=(64, 64, 64)),
)
max_epochs = 20
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs)]
