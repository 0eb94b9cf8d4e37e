"""*RLE: from the backbone of the heat-map net (tables 1 and 2)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            prefix='backbone.', checkpoint='work_dirs/rle_res50_8xb32-270e_coco-256x192_heatmap/epoch_270.pth'
        ),
    )
)
