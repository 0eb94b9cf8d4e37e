"""Integral regression, L1 of the expectation: ResNet-50, COCO 256x192 (table 2)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192_heatmap.py'

codec = dict(type='mmpose_ext.IntegralLabel', input_size=(192, 256), heatmap_size=(48, 64), heatmap_type=None)
loss = dict(type='mmpose_ext.CoordinateLoss')
head = dict(type='mmpose_ext.IntegralHead', in_channels=2048, out_channels=17, loss_coord=loss, decoder=codec)
model = dict(head=dict(_delete_=True, **head))
