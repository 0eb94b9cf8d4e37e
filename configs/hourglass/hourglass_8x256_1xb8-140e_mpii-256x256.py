"""8 stacks of 256 channels, MPII 256x256: the network of the paper's results (figure 9; FPD's table 5)."""

_base_ = '_base_/mpii-256x256.py'
