"""Basic design: the flow on coordinates themselves (the paper's section 3.2)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    head=dict(
        loss=dict(type='mmpose_ext.RLELoss', residual=False, reparameterized=False, q_distribution='gaussian'),
    )
)
