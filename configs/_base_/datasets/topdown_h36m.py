"""Human3.6M, from pictures to 3D joints, protocol 2: what is loaded. The files topdown_h36m-*.py add the size.

MMPose's tools/dataset_converters/preprocess_h36m.py makes the files (docs/datasets.md). Protocol 2 trains on the
subjects 1, 5, 6, 7 and 8 and tests on every 64th frame of 9 and 11, by MPJPE. The files topdown_h36m-p1-*.py are
protocol 1.
"""

# The one place of the folder; H36M_ROOT in the environment overrides it.
data_root = '{{$H36M_ROOT:data/h36m}}/'

dataset_type = 'mmpose_ext.Human36mImageDataset'  # MMPoseInferencer asks for it, too

# the boxes are the crops: the picture of 2 m x 2 m around the pelvis
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
# scale s = .25, rotation r = 30 (topdown_coco.py tells how s and r become these arguments), colour 20 %
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=60, rotate_prob=0.6),
]
colour = dict(type='mmpose_ext.RandomChannelScale', amount=0.2)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

# every fifth frame of the videos
train_file = 'annotation_body3d/fps10/h36m_train.npz'
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, ann_file=train_file, data_prefix=dict(img='images/')),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        # every 64th of all frames; with the files of every fifth alone: fps10 and frame_step=65
        ann_file='annotation_body3d/fps50/h36m_test.npz',
        frame_step=64,
        data_prefix=dict(img='images/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# millimetres, the lower the better: default_hooks.checkpoint needs save_best='3d/MPJPE' and rule='less'
val_evaluator = dict(type='mmpose_ext.CameraMPJPE')
test_evaluator = val_evaluator
