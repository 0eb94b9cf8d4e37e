"""Heatmaps, HRNet-W32, COCO 256x192 (table 2)."""

_base_ = 'rle_hrnet-w32_8xb32-270e_coco-256x192.py'

maps = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2, encoding='biased', decoding='shift')
model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.HeatmapHead',
        in_channels=32,
        out_channels=17,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_ext.DarkHeatmap', **maps),
    )
)
people, confidence = _base_.val_evaluator
val_evaluator = [dict(people, score_mode='bbox_keypoint'), confidence]
test_evaluator = val_evaluator
