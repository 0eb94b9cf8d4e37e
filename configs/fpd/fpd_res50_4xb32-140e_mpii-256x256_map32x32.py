"""FPD from larger maps: ResNet-50, maps of 32x32, learns from HRNet-W32, 64x64; MPII 256x256 (not in the paper)."""

_base_ = '../integral/integral_res50_4xb32-140e_mpii-256x256_h1.py'

model = dict(
    type='mmpose_ext.PoseDistiller',
    # two deconvolutions in place of three
    head=dict(deconv_out_channels=(256, 256), deconv_kernel_sizes=(4, 4), decoder=dict(heatmap_size=(32, 32))),
    # sigma is 2 cells there and 1 here: the peaks are equally wide in the image
    teacher=dict(
        config='dark/dark_hrnet-w32_4xb32-210e_mpii-256x256.py',
        checkpoint='work_dirs/dark_hrnet-w32_4xb32-210e_mpii-256x256/epoch_210.pth',
    ),
    alpha=0.5,
)
