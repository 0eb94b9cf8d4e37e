"""4 stacks of 128 channels, MPII 256x256 (FPD's student, its table 5); the stem stays as wide as Newell's."""

_base_ = 'hourglass_8x256_1xb8-140e_mpii-256x256.py'

model = dict(backbone=dict(num_stacks=4, feat_channels=128))
