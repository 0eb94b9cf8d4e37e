"""Few synthetic people with depth (strategy 1) at 64x64; the leaves add the losses."""

_base_ = ['synthetic3d.py', '../../_base_/datasets/topdown_synthetic3d-64x64.py']

train_dataloader = dict(batch_size=_base_.batch_size)

model = dict(
    head=dict(
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    )
)
