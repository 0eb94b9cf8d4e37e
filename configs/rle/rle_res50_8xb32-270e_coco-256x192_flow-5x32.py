"""RLE with nets of 5 layers and 32 neurons in the flow (table 6)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=dict(type='RealNVP', num_layers=5, hidden_channels=32)))
)
