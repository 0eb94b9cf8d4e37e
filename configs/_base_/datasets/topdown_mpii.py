"""MPII, single person, in the format of MMPose, at 256x256."""

# The one place where the folder is named; the environment variable MPII_ROOT overrides it.
data_root = __import__('os').getenv('MPII_ROOT', 'data/mpii') + '/'

dataset_type = 'MpiiDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
# scale s = .25, rotation r = 30, no half body (topdown_coco.py tells how s and r become these arguments)
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=60, rotate_prob=0.6),
]
input_size = (256, 256)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mpii_train.json',
        data_prefix=dict(img='images/'),
        pipeline=[*loading, *augmentation, crop, packing],
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
        ann_file='annotations/mpii_val.json',
        # head sizes, by which PCKh measures
        headbox_file=data_root + 'annotations/mpii_gt_val.mat',
        data_prefix=dict(img='images/'),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# PCKh at .5 ('PCK', and joint by joint) and at .1 ('PCK@0.1')
val_evaluator = dict(type='MpiiPCKAccuracy')
test_evaluator = val_evaluator
