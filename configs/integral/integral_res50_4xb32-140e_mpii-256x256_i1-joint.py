"""H1's and I1's losses at once, without a heat-map stage (the paper's section 5)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss'), decoder=dict(decoding='integral')))
