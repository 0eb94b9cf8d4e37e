"""The extended training set of Leeds Sports Poses (LSPET) alone, at 96x96: every tenth person is for validation.

tools/dataset_converters/lsp_to_coco.py writes these annotations where LSP itself is not there. With LSP, at 256x256:
topdown_lsp.py.
"""

# The one place where the folder is named; the environment variable LSP_ROOT overrides it.
data_root = __import__('os').getenv('LSP_ROOT', 'data/lsp') + '/'

dataset_type = 'mmpose_ext.LspDataset'  # MMPoseInferencer asks for it, too

# the boxes are the crops, squares around the joints; the augmentation is that of topdown_lsp.py
loading = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, scale_factor=(0.75, 1.25), rotate_factor=60, rotate_prob=0.6),
]
input_size = (96, 96)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)
# Training samples carry their keypoints in input pixels; the head draws its targets from them.
packing = dict(type='PackPoseInputs', pack_transformed=True)

train_dataloader = dict(
    num_workers=1,  # enough for a network that trains on a CPU
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/lspet_split_train.json',
        data_prefix=dict(img=''),
        pipeline=[*loading, *augmentation, crop, packing],
    ),
)
val_annotations = 'annotations/lspet_split_val.json'
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
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

# A joint is right within .2, .1 or .05 torsos; where maps are coarse, the finer thresholds tell decodings apart. The AP
# (by OKS, with the sigmas of LspDataset) depends on confidences as well, and the correlation on them alone.
val_evaluator = [
    dict(type='mmpose_ext.TorsoPCKAccuracy'),
    dict(type='mmpose_ext.TorsoPCKAccuracy', threshold=0.1, prefix='PCK@0.1'),
    dict(type='mmpose_ext.TorsoPCKAccuracy', threshold=0.05, prefix='PCK@0.05'),
    dict(type='CocoMetric', ann_file=data_root + val_annotations),
    dict(type='mmpose_ext.ConfidenceCorrelation'),
]
test_evaluator = val_evaluator
