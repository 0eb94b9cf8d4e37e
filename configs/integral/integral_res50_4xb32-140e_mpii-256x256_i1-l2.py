"""I1 with the squared distance in place of L1 (the paper's section 3)."""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256.py'

model = dict(head=dict(loss_coord=dict(norm='l2')))
