"""AP-10K, animals, its first split. The file topdown_ap10k-256x256.py adds the size."""

# The one place of the folder; AP10K_ROOT in the environment overrides it.
data_root = '{{$AP10K_ROOT:data/ap10k}}/'

dataset_type = 'AP10KDataset'  # MMPoseInferencer asks for it, too

loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
]
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
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + val_annotations)
test_evaluator = val_evaluator
