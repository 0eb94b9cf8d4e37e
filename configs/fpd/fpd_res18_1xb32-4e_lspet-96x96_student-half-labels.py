"""The student alone, with half of the joints' labels removed (not in the paper)."""

_base_ = 'fpd_res18_1xb32-4e_lspet-96x96_student.py'

change = dict(type='mmpose_ext.DropLabels', ratio=0.5)
pipeline = [_base_.loading[0], change, *_base_.loading[1:], *_base_.augmentation, _base_.crop, _base_.packing]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
