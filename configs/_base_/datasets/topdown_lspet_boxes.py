"""LSPET at 96x96 as people are cut out in use: by boxes close to them, with MMPose's padding.

They are turned further than in topdown_lspet.py, because people in photographs lie and stand on their hands, too.
"""

_base_ = 'topdown_lspet.py'

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.25)]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.7, 1.3), rotate_factor=90, rotate_prob=0.7),
]
train_dataloader = dict(dataset=dict(boxes='joints', pipeline=[*loading, *augmentation, _base_.crop, _base_.packing]))
val_dataloader = dict(dataset=dict(boxes='joints', pipeline=[*loading, _base_.crop, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
