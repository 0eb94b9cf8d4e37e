"""Basic design: the flow on coordinates themselves (the paper's section 3.2)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(
    head=dict(
        loss=dict(type='mmpose_ext.RLELoss', residual=False, reparameterized=False, q_distribution='gaussian'),
    )
)
