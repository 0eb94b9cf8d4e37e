"""FPD from maps to coordinates: integral regression, synthetic people at 128x96 (not in the paper)."""

_base_ = '../integral/integral_res18_1xb32-10e_synthetic-128x96_i-star.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='fpd/fpd_res18_1xb32-20e_synthetic-128x96_teacher.py',
        checkpoint='work_dirs/fpd_res18_1xb32-20e_synthetic-128x96_teacher/epoch_20.pth',
    ),
    alpha=0.5,
)
