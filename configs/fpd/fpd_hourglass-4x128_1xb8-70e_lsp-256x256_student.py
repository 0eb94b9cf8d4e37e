"""The student alone: 4 stacks of 128 channels, LSP 256x256."""

_base_ = '_base_/lsp-256x256.py'

model = dict(backbone=dict(num_stacks=4, feat_channels=128))
