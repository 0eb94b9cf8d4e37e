"""FPD: a tiny ResNet-18 learns from labels and from one of four times its width; synthetic people at 128x96."""

_base_ = 'fpd_res18_1xb32-10e_synthetic-128x96_student.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='fpd/fpd_res18_1xb32-20e_synthetic-128x96_teacher.py',
        checkpoint='work_dirs/fpd_res18_1xb32-20e_synthetic-128x96_teacher/epoch_20.pth',
    ),
    alpha=0.5,
)
