"""COCO at 384x288 (height x width); a network is added."""

_base_ = ['paper.py', '../../_base_/datasets/topdown_coco-384x288.py']

pipeline = [*_base_.loading, *_base_.augmentation_rle, _base_.crop, _base_.packing]
train_dataloader = dict(batch_size=_base_.batch_size, dataset=dict(pipeline=pipeline))

# People are sorted by the score of the box, the mean and the largest confidence of the joints, as in the program. How
# far a confidence tells whether its joint is right is the paper's table 4.
val_evaluator = [
    dict(_base_.val_evaluator, score_mode='bbox_rle'),
    dict(type='mmpose_ext.ConfidenceCorrelation', ann_file=_base_.val_evaluator.ann_file),
]
test_evaluator = val_evaluator
