"""The teacher: 8 stacks of 256 channels, LSP 256x256 (table 3)."""

_base_ = 'fpd_hourglass-4x128_1xb8-70e_lsp-256x256_student.py'

model = dict(backbone=dict(num_stacks=8, feat_channels=256))
