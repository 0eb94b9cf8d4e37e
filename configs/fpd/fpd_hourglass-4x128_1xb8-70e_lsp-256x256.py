"""FPD: 4 stacks of 128 channels learn from 8 of 256, LSP 256x256 (table 3)."""

_base_ = 'fpd_hourglass-4x128_1xb8-70e_lsp-256x256_student.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='fpd/fpd_hourglass-8x256_1xb8-70e_lsp-256x256_teacher.py',
        checkpoint='work_dirs/fpd_hourglass-8x256_1xb8-70e_lsp-256x256_teacher/epoch_70.pth',
    ),
    alpha=0.5,
)
