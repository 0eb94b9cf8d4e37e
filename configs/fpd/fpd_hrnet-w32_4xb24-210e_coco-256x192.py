"""FPD: the trained HRNet-W32 learns from HRNet-W48, COCO 256x192 (as in the official implementation)."""

_base_ = '../dark/dark_hrnet-w32_4xb32-210e_coco-256x192_biased-shift.py'

batch_size = 24
train_dataloader = dict(batch_size=batch_size)
auto_scale_lr = dict(base_batch_size=4 * batch_size)

model = dict(
    type='mmpose_ext.PoseDistiller',
    teacher=dict(
        config='fpd/fpd_hrnet-w48_4xb32-210e_coco-256x192_teacher.py',
        checkpoint='work_dirs/fpd_hrnet-w48_4xb32-210e_coco-256x192_teacher/epoch_210.pth',
    ),
    alpha=0.5,
    label_weights=True,
)
load_from = 'work_dirs/dark_hrnet-w32_4xb32-210e_coco-256x192_biased-shift/epoch_210.pth'
