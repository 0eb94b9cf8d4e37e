"""AP-10K, animals, its first split, at 256x256."""

# The one place where the folder is named; the environment variable AP10K_ROOT overrides it.
data_root = __import__('os').getenv('AP10K_ROOT', 'data/ap10k') + '/'

dataset_type = 'AP10KDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
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
        ann_file='annotations/ap10k-train-split1.json',
        data_prefix=dict(img='data/'),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)

val_annotations = 'annotations/ap10k-val-split1.json'
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    # cut out by the annotated boxes
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=val_annotations,
        data_prefix=dict(img='data/'),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + val_annotations)
test_evaluator = val_evaluator
