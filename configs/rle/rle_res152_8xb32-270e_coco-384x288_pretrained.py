"""*RLE: from the backbone of the heat-map net, ResNet-152, COCO 384x288 (table 3)."""

_base_ = 'rle_res152_8xb32-270e_coco-384x288.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            prefix='backbone.', checkpoint='work_dirs/rle_res152_8xb32-270e_coco-384x288_heatmap/epoch_270.pth'
        ),
    )
)
