"""I1: L1 of the expectation, from H1's weights; small ResNet-18, synthetic people at 128x96 (as in tables 1 and 2)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-128x96_h1.py'

model = dict(
    head=dict(
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=None,
        # H1's maps go from 0 to 1: with the paper's beta of 1 a softmax of them is almost flat, and H1's work is lost
        beta=20,
        decoder=dict(heatmap_type=None, decoding='integral'),
    )
)
# the second stage refines: half of the first stage's rate
optim_wrapper = dict(optimizer=dict(lr=1e-3))
load_from = 'work_dirs/integral_res18_1xb32-10e_synthetic-128x96_h1/epoch_10.pth'
