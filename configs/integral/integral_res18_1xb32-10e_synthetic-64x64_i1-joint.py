"""H1's and I1's losses at once, without a heat-map stage (the paper's section 5)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-64x64_h1.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')))
