"""H1 with maps of an eighth of the input: two deconvolutions (as in table 2)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-128x96_h1.py'

model = dict(
    head=dict(
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        decoder=dict(heatmap_size=(12, 16), sigma=1),
    )
)
