"""The student alone, with 10 % of the joints' labels replaced by wrong ones (not in the paper)."""

_base_ = 'fpd_res18_1xb32-4e_lspet-96x96_student.py'

change = dict(type='mmpose_ext.CorruptLabels', ratio=0.1)
pipeline = [_base_.loading[0], change, *_base_.loading[1:], *_base_.augmentation, _base_.crop, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
