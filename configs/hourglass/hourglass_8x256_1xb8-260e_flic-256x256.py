"""8 stacks of 256 channels, FLIC 256x256 (table 1)."""

_base_ = '_base_/flic-256x256.py'
