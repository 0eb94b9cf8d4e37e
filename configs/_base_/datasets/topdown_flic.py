"""Frames Labeled in Cinema (FLIC) at 256x256.

tools/dataset_converters/flic_to_coco.py writes the annotations; docs/datasets.md shows the folder.
"""

# The one place where the folder is named; the environment variable FLIC_ROOT overrides it.
data_root = __import__('os').getenv('FLIC_ROOT', 'data/flic') + '/'

dataset_type = 'mmpose_ext.FlicDataset'  # MMPoseInferencer asks for it, too

# the boxes are the crops: squares of one size, centerd on the torso in x
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
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
        # left and right are the observer's, as in the papers; the person's: flic_person_train.json
        ann_file='annotations/flic_observer_train.json',
        data_prefix=dict(img=''),
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
        ann_file='annotations/flic_observer_test.json',
        data_prefix=dict(img=''),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# PCK@0.2: 'PCK/Mean', 'PCK/AUC' and joint by joint; the papers give 'PCK/Elbow' and 'PCK/Wrist'
val_evaluator = dict(type='mmpose_ext.TorsoPCKAccuracy', torso=('right_shoulder', 'left_hip'))
test_evaluator = val_evaluator
