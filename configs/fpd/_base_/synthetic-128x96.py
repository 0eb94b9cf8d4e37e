"""Synthetic people at 128x96 (height x width): the small ResNet-18 of DARK's twins, evaluated less often."""

_base_ = '../../dark/dark_res18_1xb32-10e_synthetic-128x96.py'

train_cfg = dict(val_interval=5)
default_hooks = dict(checkpoint=dict(interval=5))
