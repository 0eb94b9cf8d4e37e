"""Human3.6M and MPII (strategy 2) at 128x128: volumes of a quarter of the input; the leaves add the losses."""

_base_ = ['h36m.py', '../../_base_/datasets/topdown_h36m-mpii-128x128.py']

# boxes are made in the data sets, whose margins differ
pipeline = [_base_.loading[0], *_base_.augmentation_shifted, _base_.crop, _base_.colour, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))

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
