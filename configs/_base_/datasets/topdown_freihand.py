"""FreiHAND, 2D, in the format of MMPose, at 224x224."""

# The one place where the folder is named; the environment variable FREIHAND_ROOT overrides it.
data_root = __import__('os').getenv('FREIHAND_ROOT', 'data/freihand') + '/'

dataset_type = 'FreiHandDataset'  # MMPoseInferencer asks for it, too

# the dataset's boxes are the whole image; hands lie in the middle
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=0.8)]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_factor=0.25, scale_factor=(0.7, 1.3), rotate_factor=180),
]
input_size = (224, 224)  # width, height
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
        ann_file='annotations/freihand_train.json',
        data_prefix=dict(img=''),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)

val_annotations = 'annotations/freihand_val.json'
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
        data_prefix=dict(img=''),
        pipeline=[*loading, crop, dict(type='PackPoseInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = [dict(type='PCKAccuracy', thr=0.2), dict(type='AUC'), dict(type='EPE')]
test_evaluator = val_evaluator
