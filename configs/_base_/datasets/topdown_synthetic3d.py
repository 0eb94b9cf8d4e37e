"""Synthetic people with depth, few of them: what is loaded. The files topdown_synthetic3d-*.py add the size.

The files are those of topdown_synthetic.py. Strategy 1 of the integral regression paper: all training samples are 3D.
Here they are the first people of the training set alone, so that what strategy 2, which adds many 2D samples
(topdown_synthetic3d-2d-*.py), is worth can be seen. Both train on the same number of samples in an epoch.
"""

_base_ = 'topdown_synthetic.py'

dataset_type = 'mmpose_ext.Synthetic3dDataset'
num_3d = 400  # people with depth, of the 3 639 whom 2 600 training pictures show
num_2d = 3200  # people after those, without depth: strategy 2

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
    ),
)
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = val_dataloader

# millimetres, the lower the better: default_hooks.checkpoint needs save_best='3d/MPJPE' and rule='less'
val_evaluator = dict(_delete_=True, type='mmpose_ext.CameraMPJPE')
test_evaluator = val_evaluator
