"""MPII at 256x256: maps of a quarter of the input; the leaves add the losses."""

_base_ = ['mpii.py', '../../_base_/datasets/topdown_mpii-256x256.py']

pipeline = [*_base_.loading, *_base_.augmentation_shifted, _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=_base_.batch_size, dataset=dict(pipeline=pipeline))

model = dict(
    head=dict(
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    )
)
