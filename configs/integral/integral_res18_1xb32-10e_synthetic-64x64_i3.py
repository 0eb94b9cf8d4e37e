"""I3: L1 of the expectation, from H3's weights (as in table 1)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-64x64_h3.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
# it refines: half of the first stage's rate
optim_wrapper = dict(optimizer=dict(lr=1e-3))
load_from = 'work_dirs/integral_res18_1xb32-10e_synthetic-64x64_h3/epoch_10.pth'
