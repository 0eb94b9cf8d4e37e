"""4 small stacks, LSPET 96x96, from scratch (as in figure 9 and FPD's table 5)."""

_base_ = [
    '../_base_/datasets/topdown_lspet.py',
    '../_base_/models/hourglass.py',
    '../_base_/schedules/adam_4e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

heatmap_size = tuple(side // 4 for side in _base_.input_size)
# sigma as in DARK's config of this size, instead of the paper's 1
codec = dict(input_size=_base_.input_size, heatmap_size=heatmap_size, sigma=1.5, encoding='biased', decoding='shift')
model = dict(
    # three poolings come down to 3x3 cells; the paper's four, to 4x4 of 256x256
    backbone=dict(num_stacks=4, feat_channels=32, stem_channels=(16, 32, 32), depth=3, num_keypoints=14),
    head=dict(out_channels=14, head=dict(unlabeled_weight=1), decoder=codec),
)
