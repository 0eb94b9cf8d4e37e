"""FPD from maps to coordinates: integral regression, synthetic people at 128x96 (not in the paper)."""

_base_ = '../integral/integral_res18_1xb32-10e_synthetic-128x96_h1.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    ),
    teacher=dict(
        config='fpd/fpd_res18_1xb32-20e_synthetic-128x96_teacher.py',
        checkpoint='work_dirs/fpd_res18_1xb32-20e_synthetic-128x96_teacher/epoch_20.pth',
    ),
    alpha=0.5,
)
