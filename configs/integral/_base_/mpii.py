"""What both input sizes on MPII share."""

_base_ = 'paper.py'

model = dict(head=dict(out_channels=16))
default_hooks = dict(checkpoint=dict(save_best='PCK'))
