"""WFLW, 98 points of faces, in the format of MMPose, at 256x256."""

# The one place where the folder is named; the environment variable WFLW_ROOT overrides it.
data_root = __import__('os').getenv('WFLW_ROOT', 'data/wflw') + '/'

dataset_type = 'WFLWDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=60),
]
input_size = (256, 256)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

train_dataloader = dict(
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/face_landmarks_wflw_train.json',
        data_prefix=dict(img='images/'),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)

val_annotations = 'annotations/face_landmarks_wflw_test.json'
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    # cut out by the annotated boxes
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=val_annotations,
        data_prefix=dict(img='images/'),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# by the distance of the eyes' outer corners
val_evaluator = dict(type='NME', norm_mode='keypoint_distance')
test_evaluator = val_evaluator
