"""A small ResNet-18 and 10 epochs, minutes on two CPU cores; a size, a start and, in the leaves, losses are added."""

_base_ = [
    '../../_base_/models/res18-small.py',
    '../../_base_/schedules/adam_10e.py',
    '../../_base_/default_runtime.py',
]

batch_size = 32
auto_scale_lr = dict(base_batch_size=batch_size)

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.RLEHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=_base_.model.head.out_channels,
        decoder=dict(type='mmpose_ext.RegressionLabel'),
    )
)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=1))
