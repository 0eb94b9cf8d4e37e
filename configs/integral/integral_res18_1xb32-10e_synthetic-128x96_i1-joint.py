"""H1's and I1's losses at once, without a heat-map stage (the paper's section 5)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-128x96_h1.py'

# a beta of 20 as for I1: of maps from 0 to 1 a softmax with beta 1 is almost flat
model = dict(head=dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss'), decoder=dict(decoding='integral'), beta=20))
