"""Synthetic people in COCO's format, drawn by tools/dataset_converters/make_synthetic_dataset.py.

Images are cropped to 128x96 (height x width); topdown_synthetic-64x64.py has another size.
"""

# The one place where the folder is named; the environment variable SYNTHETIC_ROOT overrides it.
data_root = __import__('os').getenv('SYNTHETIC_ROOT', 'data/synthetic') + '/'

dataset_type = 'CocoDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
# Milder than on photographs (scale s = .15, rotation r = 10, no half body): a network that sees each of a few thousand
# people ten times does not learn them by heart, and turned people take it longer.
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.85, 1.15), rotate_factor=20, rotate_prob=0.5),
]
input_size = (96, 128)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

train_dataloader = dict(
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='train/'),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)

val_annotations = 'annotations/person_keypoints_val.json'
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    # people are cut out by their true boxes
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=val_annotations,
        data_prefix=dict(img='val/'),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + val_annotations)
test_evaluator = val_evaluator
