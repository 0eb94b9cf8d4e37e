"""RLE with nets of 5 layers and 32 neurons in the flow (as in table 6)."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(
    head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=dict(type='RealNVP', num_layers=5, hidden_channels=32)))
)
