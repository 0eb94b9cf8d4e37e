"""FPD: a small ResNet-18 learns from labels and from EfficientNet-Lite0; LSPET 96x96 (as in tables 5 to 8)."""

_base_ = 'fpd_res18_1xb32-4e_lspet-96x96_student.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='dark/dark_efficientnet-lite0_1xb32-4e_lspet-96x96.py',
        checkpoint='work_dirs/dark_efficientnet-lite0_1xb32-4e_lspet-96x96/epoch_4.pth',
    ),
    alpha=0.5,
)
