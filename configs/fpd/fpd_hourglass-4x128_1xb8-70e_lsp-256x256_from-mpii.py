"""FPD from other joints: LSP's 14 are learned from the 16 of MPII by their names, LSP 256x256 (not in the paper)."""

_base_ = 'fpd_hourglass-4x128_1xb8-70e_lsp-256x256_student.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='hourglass/hourglass_8x256_1xb8-140e_mpii-256x256.py',
        checkpoint='work_dirs/hourglass_8x256_1xb8-140e_mpii-256x256/epoch_140.pth',
    ),
    alpha=0.5,
    metainfo=_base_.dataset_type,
)
