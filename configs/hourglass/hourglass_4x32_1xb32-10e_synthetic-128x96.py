"""4 small stacks, synthetic people at 128x96: minutes on two CPU cores (as in figure 9 and FPD's table 5)."""

_base_ = [
    '../_base_/datasets/topdown_synthetic.py',
    '../_base_/models/hourglass.py',
    '../_base_/schedules/adam_10e.py',
]

batch_size = 32
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=batch_size)
train_cfg = dict(val_interval=5)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma is wider than the paper's 1, as in DARK's config: a network this small learns wider peaks in fewer steps
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, encoding='biased', decoding='shift')
model = dict(
    # three poolings come down to 4x3 cells, about as many as the paper's four on 256x256
    backbone=dict(num_stacks=4, feat_channels=32, stem_channels=(16, 32, 32), depth=3),
    head=dict(head=dict(unlabeled_weight=1), decoder=codec),
)
