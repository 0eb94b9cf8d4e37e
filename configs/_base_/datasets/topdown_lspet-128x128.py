"""The extended training set of Leeds Sports Poses (LSPET) alone, at 128x128: every tenth person is for validation.

tools/dataset_converters/lsp_to_coco.py writes these annotations where LSP itself is not there.
"""

_base_ = 'topdown_lsp.py'

input_size = (128, 128)  # width, height
crop = dict(type='TopdownAffine', input_size=input_size)

train_dataloader = dict(
    dataset=dict(
        ann_file='annotations/lspet_split_train.json',
        pipeline=[*_base_.loading, *_base_.augmentation, crop, _base_.packing],
    ),
)
val_annotations = 'annotations/lspet_split_val.json'
val_dataloader = dict(
    dataset=dict(ann_file=val_annotations, pipeline=[*_base_.loading, crop, dict(type='PackPoseInputs')]),
)
test_dataloader = val_dataloader

# A joint is right within .2, .1 or .05 torsos; where maps are coarse, the finer thresholds tell decodings apart. The AP
# (by OKS, with the sigmas of LspDataset) depends on confidences as well.
val_evaluator = [
    _base_.val_evaluator,
    dict(type='mmpose_ext.TorsoPCKAccuracy', threshold=0.1, prefix='PCK@0.1'),
    dict(type='mmpose_ext.TorsoPCKAccuracy', threshold=0.05, prefix='PCK@0.05'),
    dict(type='CocoMetric', ann_file=_base_.data_root + val_annotations),
]
test_evaluator = val_evaluator
