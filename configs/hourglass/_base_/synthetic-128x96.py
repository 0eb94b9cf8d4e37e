"""Synthetic people at 128x96, hourglasses of 32 channels that train in minutes on two CPU cores; the leaves add sizes.

Three poolings come down to 4x3 cells, as many as the paper's four on 256x256.
"""

_base_ = [
    '../../_base_/datasets/topdown_synthetic-128x96.py',
    '../../_base_/models/hourglass.py',
    '../../_base_/schedules/adam_10e.py',
    '../../_base_/default_runtime.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)
train_cfg = dict(val_interval=5)

model = dict(
    backbone=dict(feat_channels=32, stem_channels=(16, 32, 32), depth=3),
    head=dict(
        head=dict(unlabeled_weight=1),
        decoder=dict(
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            # wider than the paper's 1, as in DARK's config: a network this small learns wider peaks in fewer steps
            sigma=1.5,
            encoding='biased',
            decoding='shift',
        ),
    ),
)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=1))
