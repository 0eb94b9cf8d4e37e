"""H1 with volumes of 16x16x16, an eighth of the input; Human3.6M and MPII (as in table 9)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-128x128_h1.py'

model = dict(
    # two deconvolutions in place of three
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        depth_size=16,
        decoder=dict(heatmap_size=(16, 16), depth_size=16),
    ),
)
