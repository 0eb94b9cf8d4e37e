"""I1 with the squared distance in place of L1 (the paper's section 3)."""

_base_ = 'integral_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(loss_coord=dict(norm='l2')))
