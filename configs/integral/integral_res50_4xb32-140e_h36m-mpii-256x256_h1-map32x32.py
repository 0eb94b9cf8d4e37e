"""H1 with volumes of 32x32x32, an eighth of the input; Human3.6M and MPII (as in table 9)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-256x256_h1.py'

model = dict(
    # two deconvolutions in place of three
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        depth_size=32,
        decoder=dict(heatmap_size=(32, 32), depth_size=32),
    ),
)
