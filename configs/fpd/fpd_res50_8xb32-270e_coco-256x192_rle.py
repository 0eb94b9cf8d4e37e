"""FPD from maps to coordinates: RLE, ResNet-50, learns from HRNet-W32, COCO 256x192 (not in the paper)."""

_base_ = '../rle/rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='dark/dark_hrnet-w32_4xb32-210e_coco-256x192.py',
        checkpoint='work_dirs/dark_hrnet-w32_4xb32-210e_coco-256x192/epoch_210.pth',
    ),
    alpha=0.5,
)
