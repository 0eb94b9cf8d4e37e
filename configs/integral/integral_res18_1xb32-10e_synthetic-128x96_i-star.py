"""I*: L1 of the expectation, without a heatmap stage; synthetic people at 128x96 (as in table 1)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-128x96_h1.py'

model = dict(
    head=dict(
        decoder=dict(heatmap_type=None, decoding='integral'),
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
    )
)
