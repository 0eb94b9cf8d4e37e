"""Direct regression with L1, ResNet-50, COCO 256x192 (tables 1 and 7)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

decoder = _base_.model.head.decoder
head = dict(_delete_=True, type='mmpose_ext.RegressionHead', in_channels=2048, num_joints=17, decoder=decoder)
model = dict(head=head)
