"""RLE with nets of 3 layers and 128 neurons in the flow (table 6)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=dict(type='RealNVP', num_layers=3, hidden_channels=128)))
)
