"""Synthetic people with depth at 64x64, few of them: all training samples have a depth (strategy 1).

The files are those of topdown_synthetic.py. The training samples are the first people of the training set alone, so
that what strategy 2 of the integral regression paper is worth can be measured: topdown_synthetic3d-2d.py adds many
people without depth. Both have the same number of samples in an epoch.
"""

_base_ = 'topdown_synthetic.py'

dataset_type = 'mmpose_ext.Synthetic3dDataset'
num_3d = 400  # people with depth, of the 3 639 whom 2 600 training images show
num_2d = 3200  # people after those, whom strategy 2 takes without depth

input_size = (64, 64)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)

few = dict(
    type=dataset_type,
    data_root=_base_.data_root,
    ann_file='annotations/person_keypoints_train.json',
    data_prefix=dict(img='train/'),
    indices=num_3d,
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
        datasets=[few],
        # each of the few as often as makes an epoch as long as strategy 2's
        sample_ratio_factor=[(num_3d + num_2d) // num_3d],
        pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing],
    ),
)
val_pipeline = [*_base_.loading, crop, dict(type='PackPoseInputs')]
val_dataloader = dict(dataset=dict(type=dataset_type, pipeline=val_pipeline))
test_dataloader = val_dataloader

# millimeters, the lower the better: default_hooks.checkpoint needs save_best='3d/MPJPE' and rule='less'
val_evaluator = dict(_delete_=True, type='mmpose_ext.CameraMPJPE')
test_evaluator = val_evaluator
