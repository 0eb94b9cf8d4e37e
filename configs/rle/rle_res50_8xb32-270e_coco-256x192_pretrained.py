"""*RLE: from the backbone of the heatmap network, ResNet-50, COCO 256x192 (tables 1 and 2)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

start = 'work_dirs/rle_res50_8xb32-270e_coco-256x192_heatmap/epoch_270.pth'
model = dict(backbone=dict(init_cfg=dict(prefix='backbone.', checkpoint=start)))
