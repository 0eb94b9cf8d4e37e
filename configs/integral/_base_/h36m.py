"""Volumes as deep as they are wide for Human3.6M; a data set and, in the leaves, losses are added."""

_base_ = 'paper.py'

# millimetres: the box around the pelvis is as deep as the picture is wide
model = dict(head=dict(decoder=dict(depth_range=2000.0)))
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))
