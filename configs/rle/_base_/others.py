"""ResNet-50 with RLE for hands, faces and animals, in 210 epochs; a data set and its number of joints are added."""

_base_ = ['../../_base_/models/res50.py', '../../_base_/schedules/adam_210e.py', '../../_base_/default_runtime.py']

batch_size = 32
auto_scale_lr = dict(base_batch_size=8 * batch_size)

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RLEHead',
        in_channels=_base_.model.head.in_channels,
        decoder=dict(type='mmpose_ext.RegressionLabel'),
    )
)
