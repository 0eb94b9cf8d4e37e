"""H1 with maps of an eighth of the input: two deconvolutions (table 2)."""

_base_ = 'integral_res50_4xb32-140e_mpii-128x128_h1.py'

model = dict(
    head=dict(
        deconv_out_channels=(256, 256),
        deconv_kernel_sizes=(4, 4),
        decoder=dict(heatmap_size=(16, 16)),
    )
)
