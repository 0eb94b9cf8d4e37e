"""FPD from larger images: 128x96, HRNet-W32, learns from 384x288, HRNet-W48, COCO (not in the paper)."""

_base_ = '../dark/dark_hrnet-w32_2xb64-210e_coco-128x96.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='dark/dark_hrnet-w48_4xb18-210e_coco-384x288.py',
        checkpoint='work_dirs/dark_hrnet-w48_4xb18-210e_coco-384x288/epoch_210.pth',
    ),
    alpha=0.5,
)
