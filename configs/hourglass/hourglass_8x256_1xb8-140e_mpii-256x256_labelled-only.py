"""8 stacks of 256 channels, MPII 256x256; joints without a label do not count (not in the paper)."""

_base_ = 'hourglass_8x256_1xb8-140e_mpii-256x256.py'

model = dict(head=dict(head=dict(unlabeled_weight=0)))
