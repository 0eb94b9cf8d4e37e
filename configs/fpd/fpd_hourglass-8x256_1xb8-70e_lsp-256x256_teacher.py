"""The teacher: 8 stacks of 256 channels, LSP 256x256."""

_base_ = '_base_/lsp-256x256.py'
