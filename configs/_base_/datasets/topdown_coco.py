"""COCO keypoints 2017 at 256x192 (height x width); the files topdown_coco-*.py have other sizes."""

# The one place where the folder is named; the environment variable COCO_ROOT overrides it.
data_root = __import__('os').getenv('COCO_ROOT', 'data/coco') + '/'

dataset_type = 'CocoDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]

# The official implementations of HRNet and DARK draw the scale clip(N(1, s), 1 - s, 1 + s) and, for 60 % of the people,
# the rotation clip(N(0, r), -2r, 2r); they do not shift. RandomBBoxTransform takes a normal variable z cut to [-1, 1]
# (cut, not clipped) and then 1 + s z and rotate_factor z. Equal ranges therefore need rotate_factor = 2r; the spread is
# about .19 against .25 for the scale and 49 against 43 degrees for the rotation. Here s = .35 and r = 45; of the people
# with more than 8 joints 30 % are shown by half.
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', min_total_keypoints=9, prob=0.3),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.65, 1.35), rotate_factor=90, rotate_prob=0.6),
]
# What Simple Baselines use: s = .3, r = 40, always the whole body.
augmentation_whole_body = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.7, 1.3), rotate_factor=80, rotate_prob=0.6),
]
# The official implementation of RLE draws the scale evenly from 1 -+ .25 and, for half of the people, the rotation from
# -+ 45 degrees; people with more than three joints are shown by half with a probability of .3. RandomBBoxTransform
# draws from the same ranges by a normal variable cut to [-1, 1], whose standard deviation is .54 instead of .58.
augmentation_rle = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', min_total_keypoints=4, prob=0.3),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=45, rotate_prob=0.5),
]
input_size = (192, 256)  # width, height
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
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)

val_annotations = 'annotations/person_keypoints_val2017.json'
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=val_annotations,
        # the paper's detector: 56.4 AP on the people of val2017
        bbox_file=data_root + 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + val_annotations)
test_evaluator = val_evaluator
