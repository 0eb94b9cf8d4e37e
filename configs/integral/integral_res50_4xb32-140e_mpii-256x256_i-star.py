"""I*: L1 of the expectation, without a heatmap stage; ResNet-50, MPII 256x256 (table 1)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

loss = dict(type='mmpose_ext.CoordinateLoss')
codec = dict(heatmap_type=None, decoding='integral')
model = dict(head=dict(loss_coord=loss, loss_heatmap=None, decoder=codec))
