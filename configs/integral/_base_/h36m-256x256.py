"""Human3.6M (strategy 1) at 256x256: volumes of a quarter of the input; the leaves add the losses."""

_base_ = ['h36m.py', '../../_base_/datasets/topdown_h36m-256x256.py']

pipeline = [*_base_.loading, *_base_.augmentation_shifted, _base_.crop, _base_.colour, _base_.packing]
train_dataloader = dict(batch_size=_base_.batch_size, dataset=dict(pipeline=pipeline))

model = dict(
    head=dict(
        type='mmpose_ext.IntegralHead3D',
        depth_size=_base_.input_size[0] // 4,
        decoder=dict(
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            depth_size=_base_.input_size[0] // 4,
        ),
    )
)
