"""The student alone, with half of the joints' labels removed."""

_base_ = 'fpd_res18_1xb32-10e_synthetic-128x96_student.py'

pipeline = _base_.train_dataloader.dataset.pipeline
drop = dict(type='mmpose_ext.DropLabels', ratio=0.5)
train_dataloader = dict(dataset=dict(pipeline=[pipeline[0], drop, *pipeline[1:]]))
