"""The teacher: a ResNet-18 of half width, trained twice as long as the students; synthetic people at 128x96."""

_base_ = '_base_/synthetic-128x96.py'

max_epochs = 20
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs)]
