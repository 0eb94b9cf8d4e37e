"""Human3.6M at 256x256, from images to 3D joints, protocol 2, 3D samples alone (strategy 1).

MMPose's tools/dataset_converters/preprocess_h36m.py makes the files (docs/datasets.md). Protocol 2 trains on the
subjects 1, 5, 6, 7 and 8 and tests on every 64th frame of 9 and 11, by MPJPE. The files topdown_h36m-p1*.py are
protocol 1.
"""

# The one place where the folder is named; the environment variable H36M_ROOT overrides it.
data_root = __import__('os').getenv('H36M_ROOT', 'data/h36m') + '/'

dataset_type = 'mmpose_ext.Human36mImageDataset'  # MMPoseInferencer asks for it, too

# the boxes are the crops: the image of 2 m x 2 m around the pelvis
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
# scale s = .25, rotation r = 30 (topdown_coco.py tells how s and r become these arguments), color 20 %
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=60, rotate_prob=0.6),
]
color = dict(type='mmpose_ext.RandomChannelScale', amount=0.2)
input_size = (256, 256)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

# every fifth frame of the videos
train_file = 'annotation_body3d/fps10/h36m_train.npz'
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=train_file,
        data_prefix=dict(img='images/'),
        pipeline=[*loading, *augmentation, crop, color, packing],
    ),
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
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# millimeters, the lower the better: default_hooks.checkpoint needs save_best='3d/MPJPE' and rule='less'
val_evaluator = dict(type='mmpose_ext.CameraMPJPE')
test_evaluator = val_evaluator
