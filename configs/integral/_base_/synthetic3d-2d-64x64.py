"""Few synthetic people with depth and many without (strategy 2) at 64x64; the leaves add the losses."""

_base_ = ['synthetic3d.py', '../../_base_/datasets/topdown_synthetic3d-2d-64x64.py']

model = dict(
    head=dict(
        decoder=dict(input_size=_base_.input_size, heatmap_size=tuple(side // 4 for side in _base_.input_size)),
    )
)
